package peer

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Used returns what a process and all its descendants use: their processor time,
// with that of descendants which have ended, and their anonymous memory. Work
// that a broker hands to processes of its own is counted as its work.
func Used(pid int) (cpu time.Duration, anonymous int64, err error) {
	all, err := tree(pid)
	if err != nil {
		return 0, 0, err
	}
	for _, one := range all {
		t, err := CPU(one)
		past, pastErr := endedChildren(one)
		rss, rssErr := Anonymous(one)
		if err := errors.Join(err, pastErr, rssErr); err != nil && (one == pid || exists(one)) {
			return 0, 0, err
		}
		cpu, anonymous = cpu+t+past, anonymous+rss
	}
	return cpu, anonymous, nil
}

func exists(pid int) bool { return unix.Kill(pid, 0) != unix.ESRCH }

// tree returns a process and all its descendants.
func tree(pid int) ([]int, error) {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil, err
	}
	out := []int{pid}
	for _, t := range threads {
		children, err := childrenOf(fmt.Sprintf("/proc/%d/task/%s", pid, t.Name()))
		if err != nil {
			return nil, err
		}
		for _, child := range children {
			below, err := tree(child)
			if err != nil && exists(child) {
				return nil, err
			}
			out = append(out, below...)
		}
	}
	return out, nil
}

// childrenOf lists the processes that a thread has started; none when the thread
// has ended.
func childrenOf(thread string) (out []int, err error) {
	text, err := os.ReadFile(thread + "/children")
	if err != nil {
		if _, gone := os.Stat(thread); gone != nil {
			return nil, nil
		}
		return nil, fmt.Errorf("cannot count the broker's processes (it takes CONFIG_PROC_CHILDREN): %w", err)
	}
	for _, field := range strings.Fields(string(text)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		out = append(out, child)
	}
	return out, nil
}

// endedChildren returns the processor time of a process's children that have
// ended and were waited for, and of theirs: cutime and cstime of proc(5).
func endedChildren(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, behind, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
	fields := strings.Fields(behind) // from the third of proc(5) on
	const cutime, tick = 16 - 3, 10 * time.Millisecond
	if len(fields) <= cutime+1 {
		return 0, fmt.Errorf("cannot read /proc/%d/stat", pid)
	}
	user, err := strconv.ParseInt(fields[cutime], 10, 64)
	system, sysErr := strconv.ParseInt(fields[cutime+1], 10, 64)
	return time.Duration(user+system) * tick, errors.Join(err, sysErr)
}

// Anonymous returns the anonymous resident memory of a process in bytes,
// RssAnon of proc(5): heap and stacks, without the mapped program file.
func Anonymous(pid int) (int64, error) {
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

// CPU returns the processor time that all threads of a process have used, in
// user and system mode: utime and stime of proc(5), but in nanoseconds, from
// the process's clock (clock_getcpuclockid(3)).
func CPU(pid int) (time.Duration, error) {
	const scheduled = 2 // CPUCLOCK_SCHED
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid)<<3|scheduled, &t); err != nil {
		return 0, fmt.Errorf("cannot read the processor time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// OwnCPU returns the processor time that this process and its ended children
// that were waited for have used. Brokers among those must be taken off.
func OwnCPU() time.Duration {
	var self syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &self)
	return time.Duration(self.Utime.Nano() + self.Stime.Nano())
}

// Pin binds every thread of a process to some processors, and those that it
// starts later with them.
func Pin(pid int, cpus ...int) error {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	var set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	for _, t := range threads {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			continue
		}
		if err := unix.SchedSetaffinity(tid, &set); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("cannot bind thread %d to processors %v: %w", tid, cpus, err)
		}
	}
	return nil
}

// RaiseDescriptors raises the limit of open files to the most that is allowed,
// for this process and those that it starts.
func RaiseDescriptors() {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) == nil {
		r.Cur = r.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &r)
	}
}
