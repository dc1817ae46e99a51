package main

import (
	"fmt"
	"runtime"
	"strings"
)

// needsModes returns an error that says why a command does not run on a system whose files have no owners and
// modes: everything that keeps a secret in a file depends on them. The commands for tokens
// that open no such file run everywhere.
func needsModes(command string) error {
	for _, everywhere := range []string{"token inspect", "token restrict", "token exchange", "token scan", "version"} {
		if command == everywhere || strings.HasPrefix(command, everywhere+" ") {
			return nil
		}
	}
	words := strings.Fields(command)
	for i, w := range words {
		if strings.HasPrefix(w, "<") {
			words = words[:i]
			break
		}
	}
	return fmt.Errorf("'rind %s' does not run on %s: it relies on owners and modes of files to keep secrets. Run it on Linux or macOS; 'rind token inspect', 'rind token restrict', 'rind token exchange' and 'rind token scan' run here", strings.Join(words, " "), runtime.GOOS)
}
