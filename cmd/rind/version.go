package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"
)

// versionFlag is --version, which prints the version and ends the program.
type versionFlag bool

// BeforeReset implements kong's hook, which runs before a missing command is complained of.
func (versionFlag) BeforeReset(app *kong.Kong, s streams) error {
	if err := printVersion(s.out); err != nil {
		return err
	}
	app.Exit(exitOK)
	return nil
}

type versionCmd struct{}

// Run prints what --version prints.
func (versionCmd) Run(s streams) error { return printVersion(s.out) }

// printVersion prints what the build says of itself.
func printVersion(out io.Writer) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	_, err := fmt.Fprintln(out, versionOf(info))
	return err
}

// versionOf is the line that --version prints: the version, the commit, "modified" where
// the build had changes beyond that commit, and the version of Go, each as far as the
// build says it.
func versionOf(info *debug.BuildInfo) string {
	version := info.Main.Version
	if version == "" || version == "(devel)" {
		version = "development build"
	}
	var about []string
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if commit := settings["vcs.revision"]; commit != "" {
		about = append(about, "commit "+commit[:min(len(commit), 12)])
	}
	if settings["vcs.modified"] == "true" {
		about = append(about, "modified")
	}
	if info.GoVersion != "" {
		about = append(about, info.GoVersion)
	}
	if len(about) == 0 {
		return "rind " + version
	}
	return "rind " + version + " (" + strings.Join(about, ", ") + ")"
}
