package main

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

func TestUnanswered(t *testing.T) {
	for err, want := range map[syscall.Errno]string{
		syscall.EACCES: "only root and the user that runs 'rind serve' can open data/admin.sock",
		syscall.EPERM:  "only root and the user that runs 'rind serve' can open data/admin.sock",
		syscall.ENOENT: "is 'rind serve' running",
	} {
		got := unanswered(&fs.PathError{Op: "lstat", Path: "data/admin.sock", Err: err}, "data/admin.sock")
		if !errors.Is(got, err) || !strings.Contains(got.Error(), want) {
			t.Errorf("%v: %v", err, got)
		}
	}
}
