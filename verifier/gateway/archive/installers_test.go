package archive_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/verifier/gateway/archive"
)

// installersVariable is the environment variable that gives the corpus to pip and uv, as 'make installers' does.
const installersVariable = "RIND_INSTALLERS"

// confined runs a program that can write to one folder and to nothing else: some of these files overwrite /bin/sh where an
// installer lets them.
const confined = `mount --make-rprivate / && mount --bind "$0" "$0" && mount -o remount,bind,ro / && exec "$@"`

// TestInstallers counts how many of the archives that are refused pip and uv would have installed, and how many of those
// wrote outside their folder.
func TestInstallers(t *testing.T) {
	if os.Getenv(installersVariable) != "1" {
		t.Skipf("it takes minutes: run it with 'make installers'")
	}
	realtest.NeedClients(t, realtest.UV, realtest.CurrentPip)
	python := filepath.Join(filepath.Dir(realtest.CurrentPip.Path(t)), "python")
	tools := []struct {
		name string
		args []string
	}{
		{"pip", []string{python, "-m", "pip", "install", "--no-deps", "--no-index", "--no-cache-dir", "--quiet", "--target"}},
		{"uv", []string{realtest.UV.Path(t), "pip", "install", "--no-config", "--offline", "--no-index", "--no-deps", "--no-cache", "--quiet", "--python", python, "--target"}},
	}
	counts := map[string]map[string]int{"pip": {}, "uv": {}, "either": {}}
	outside, total := map[string]int{}, map[string]int{}
	for _, h := range archive.AllRefused(t) {
		kind, _, _ := strings.Cut(h.Name, ":")
		total[kind]++
		total["all"]++
		either := false
		for _, tool := range tools {
			installed, wrote, out := install(t, tool.args, h)
			if installed {
				counts[tool.name][kind]++
				counts[tool.name]["all"]++
				either = true
			}
			if len(wrote) > 0 {
				outside[tool.name]++
				t.Logf("%s: %s wrote %v", h.Name, tool.name, wrote)
			}
			if testing.Verbose() {
				t.Logf("%s: %s: %v\n%s", h.Name, tool.name, installed, out)
			}
		}
		if either {
			counts["either"]["all"]++
		}
	}
	for _, kind := range []string{"zip", "tar", "wheel", "names", "metadata", "all"} {
		t.Logf("%-8s %3d refused; pip would have installed %3d, uv %3d", kind, total[kind], counts["pip"][kind], counts["uv"][kind])
	}
	t.Logf("at least one of the two: %d; files outside their folder: pip %d, uv %d", counts["either"]["all"], outside["pip"], outside["uv"])
	if counts["pip"]["all"] == 0 || counts["uv"]["all"] == 0 {
		t.Error("nothing is installed at all: the figures show nothing")
	}
}

// install gives a file to an installer, and returns whether it took it, and what it wrote outside the target.
func install(t *testing.T, args []string, h archive.Refused) (installed bool, outside []string, output string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "rind-install")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file, target, temp := filepath.Join(dir, h.File), filepath.Join(dir, "a", "b", "target"), filepath.Join(dir, "temp")
	for _, err := range []error{os.WriteFile(file, h.Bytes, 0o644), os.MkdirAll(target, 0o755), os.Mkdir(temp, 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"-m", "sh", "-c", confined, dir}, append(args, target, file)...)...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + temp, "TMPDIR=" + temp, "LANG=C.UTF-8", "PIP_CONFIG_FILE=/dev/null", "PIP_DISABLE_PIP_VERSION_CHECK=1"}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	if strings.Contains(out.String(), "unshare:") || strings.Contains(out.String(), "mount:") {
		realtest.NeedRight(t, "confine an installer", fs.ErrPermission)
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
		switch {
		case path == target, path == temp:
			return fs.SkipDir
		case d != nil && !d.IsDir() && path != file:
			outside = append(outside, strings.TrimPrefix(path, dir))
		}
		return nil
	})
	return err == nil, outside, out.String()
}
