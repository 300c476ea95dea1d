package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// anonymous returns the anonymous resident memory of a process in bytes,
// RssAnon of proc(5): heap and stacks, without the mapped program file.
func anonymous(pid int) (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[0] == "RssAnon:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("cannot find RssAnon in /proc/%d/status", pid)
}
