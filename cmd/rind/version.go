package main

import (
	"fmt"
	"runtime/debug"
	"strings"
)

type versionCmd struct{}

// Run prints the build's version.
func (versionCmd) Run(s streams) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	_, err := fmt.Fprintln(s.out, versionOf(info))
	return err
}

// versionOf is the line that --version prints: the version, the commit, "modified" if
// the build had changes beyond that commit, and the version of Go, each if the
// build information has it.
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
