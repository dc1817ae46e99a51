package main

import (
	"bytes"
	"context"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersionOf(t *testing.T) {
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}
	dirty := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	clean := debug.BuildSetting{Key: "vcs.modified", Value: "false"}
	for _, c := range []struct {
		info debug.BuildInfo
		want string
	}{
		{debug.BuildInfo{}, "rind development build"},
		{debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "(devel)"}}, "rind development build (go1.26.8)"},
		{debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "v1.2.3"}}, "rind v1.2.3 (go1.26.8)"},
		{debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{commit, clean}}, "rind v1.2.3 (commit 0123456789ab, go1.26.8)"},
		{debug.BuildInfo{GoVersion: "go1.26.8", Settings: []debug.BuildSetting{commit, dirty}}, "rind development build (commit 0123456789ab, modified, go1.26.8)"},
		{debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0a1"}}}, "rind development build (commit 0a1)"},
	} {
		got := versionOf(&c.info)
		if got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestVersionIsPrinted(t *testing.T) {
	said := map[string]bool{}
	for _, args := range [][]string{{"--version"}, {"version"}} {
		var out, errs bytes.Buffer
		code := run(context.Background(), args, strings.NewReader(""), &out, &errs)
		if code != exitOK || errs.Len() != 0 || !strings.HasPrefix(out.String(), "rind ") || !strings.Contains(out.String(), runtime.Version()) {
			t.Errorf("%q: %d %q %q", args, code, out.String(), errs.String())
		}
		said[out.String()] = true
	}
	if len(said) != 1 {
		t.Errorf("they differ: %v", said)
	}
}
