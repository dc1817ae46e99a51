package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/config"
)

const top = "../.."

// guides are the pages in Markdown of the whole tree, by their paths from its top.
func guides(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && (name == ".git" || name == ".tools" || name == "data" || name == "bin") {
			return fs.SkipDir
		}
		if filepath.Ext(path) == ".md" {
			text, err := os.ReadFile(path)
			out[strings.TrimPrefix(path, top+"/")] = string(text)
			return err
		}
		return nil
	})
	if err != nil || out["README.md"] == "" || len(out) < 9 {
		t.Fatalf("%d guides, %v", len(out), err)
	}
	return out
}

// TestGuidesLinkToWhatIsThere follows each link from a guide to a file, and to a heading
// in it.
func TestGuidesLinkToWhatIsThere(t *testing.T) {
	all := guides(t)
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	n := 0
	for name, text := range all {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			n++
			to, anchor, _ := strings.Cut(m[1], "#")
			path := name
			if to != "" {
				path = filepath.Join(filepath.Dir(name), to)
			}
			if _, err := os.Stat(filepath.Join(top, path)); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			}
			if anchor != "" && !headings(all[path])[anchor] {
				t.Errorf("%s links to %s, and there is no such heading", name, m[1])
			}
		}
	}
	if n < 20 {
		t.Errorf("%d links were found", n)
	}
}

// headings are those of a page, as anchors of links.
func headings(text string) map[string]bool {
	out := map[string]bool{}
	other := regexp.MustCompile(`[^a-z0-9 -]`)
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		out[strings.ReplaceAll(other.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return out
}

// TestTheFirstPageIsShort keeps the README to what somebody reads who has never heard of
// rind; the rest has guides of its own.
func TestTheFirstPageIsShort(t *testing.T) {
	text := guides(t)["README.md"]
	if n := len(strings.Fields(text)); n > 900 {
		t.Errorf("README.md has %d words", n)
	}
	for _, want := range []string{"make run", "make test", "cmd/rind/README.md", "verifier/README.md", "caveats/README.md"} {
		if !strings.Contains(text, want) {
			t.Errorf("README.md does not name %s", want)
		}
	}
}

// TestTheGuideNamesEverySetting holds the table of settings against the settings that
// there are.
func TestTheGuideNamesEverySetting(t *testing.T) {
	_, table, _ := strings.Cut(guides(t)["cmd/rind/README.md"], "## Settings")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, name := range config.Names() {
		section, short, in := strings.Cut(name, ".")
		row := "| `"
		if in {
			row = "| `[" + section + "] "
		} else {
			short = name
		}
		if !slices.ContainsFunc(strings.Split(table, "\n"), func(line string) bool {
			return strings.HasPrefix(line, row) && (strings.Contains(line, "`"+short+"`") || strings.HasPrefix(line, row+short+"`")) || strings.HasPrefix(line, "| `[["+short+"]]`")
		}) {
			t.Errorf("the table does not name %s", name)
		}
	}
}

// TestTheGuideNamesEverySettingOfTheGateway does the same for 'rind gateway', and loads the settings file of the guide.
func TestTheGuideNamesEverySettingOfTheGateway(t *testing.T) {
	_, section, _ := strings.Cut(guides(t)["cmd/rind/README.md"], "## In front of an index that you have")
	section, _, _ = strings.Cut(section, "\n## ")
	_, table, _ := strings.Cut(section, "### Settings of the gateway")
	table, _, _ = strings.Cut(table, "\n### ")
	for _, name := range append(config.GatewayNames(), config.IndexNames()...) {
		if !strings.Contains(table, "`"+name+"`") && !strings.Contains(table, "`[["+name+"]]`") && !strings.Contains(table, "`[[index."+name+"]]`") {
			t.Errorf("the guide does not name %s", name)
		}
	}
	sample := regexp.MustCompile("(?s)```toml\n(.*?)```").FindStringSubmatch(section)
	if sample == nil {
		t.Fatal("there is no settings file")
	}
	path := filepath.Join(t.TempDir(), "gateway.toml")
	writeFile(t, path, 0o644, []byte(sample[1]))
	for _, name := range []string{"verifier.secret", "upstream.password"} {
		writeFile(t, filepath.Join(filepath.Dir(path), name), 0o600, nil)
	}
	if _, err := config.LoadGateway(path); err != nil {
		t.Error(err)
	}
}
