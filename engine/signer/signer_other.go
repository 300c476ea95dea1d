//go:build !linux

package signer

import (
	"crypto"
	"errors"
	"time"
)

// process is none where there is no SCHED_IDLE: all signatures are made in place.
type process struct{}

func (*process) init()                                                            {}
func (*process) close()                                                           {}
func (*process) usage() (bool, time.Duration)                                     { return false, 0 }
func (*process) sign(*Signer, *Key, []byte, crypto.SignerOpts) (signature []byte) { return nil }

// Serve is what the process does; there is none on this system.
func Serve() error { return errors.New("signatures are made by a process of their own on Linux only") }
