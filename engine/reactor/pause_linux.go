package reactor

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// poll is the epoll instance of one loop, found once, so that a connection
// that waits for a verdict can be left unread. gnet has no call for that: it
// reads whatever epoll announces, and when that is the end of the stream it
// drops what it has read before. With an empty registration the bytes stay in
// the kernel, where TCP's own flow control holds the peer back, and the end
// behind them; a reset is announced all the same (epoll_ctl(2)).
type poll struct{ fd int }

// findPoll returns the epoll instance that watches the descriptor, from the
// "tfd:" lines that the kernel keeps in /proc/self/fdinfo (proc(5)).
func findPoll(watched int) (poll, error) {
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		return poll{-1}, fmt.Errorf("cannot list open descriptors: %w", err)
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || target != "anon_inode:[eventpoll]" {
			continue
		}
		name := filepath.Base(link)
		if watches("/proc/self/fdinfo/"+name, watched) {
			fd, err := strconv.Atoi(name)
			return poll{fd}, err
		}
	}
	return poll{-1}, fmt.Errorf("cannot find the epoll instance of descriptor %d", watched)
}

func watches(fdinfo string, fd int) bool {
	f, err := os.Open(fdinfo)
	if err != nil {
		return false
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) > 1 && fields[0] == "tfd:" && fields[1] == strconv.Itoa(fd) {
			return true
		}
	}
	return false
}

// ignore has the kernel announce nothing of a connection but its reset. Room
// for our bytes is not announced either, for gnet answers that by asking for
// the peer's.
func (p poll) ignore(fd int) error { return p.set(fd, 0) }

// watch ends ignore. writing is whether gnet has bytes that wait for room.
func (p poll) watch(fd int, writing bool) error {
	var events uint32 = unix.EPOLLIN | unix.EPOLLPRI
	if writing {
		events |= unix.EPOLLOUT
	}
	return p.set(fd, events)
}

func (p poll) set(fd int, events uint32) error {
	if p.fd < 0 {
		return unix.ENOTSUP
	}
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}
