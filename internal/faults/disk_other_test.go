//go:build !linux

package faults

// fullDisks need a small disk, which is mounted on Linux only.
func fullDisks(past) []fault { return nil }
