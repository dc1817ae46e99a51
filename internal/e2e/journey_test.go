package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/mail/mailtest"
	"github.com/rind-dev/rind/internal/realtest"
)

var errNone = errors.New("there is none")

// mailSettings makes rind send to a mail server of the test.
func mailSettings(m *mailtest.Server) string {
	return fmt.Sprintf("[mail]\nhost = %q\nport = %d\nfrom = \"rind <rind@example.org>\"\nca-file = %q\n", m.Host, m.Port, m.CAFile)
}

// TestAMaintainerMintsATokenAndTwineUploadsWithIt is what rind is for, from the
// first start to the revocation of a token.
func TestAMaintainerMintsATokenAndTwineUploadsWithIt(t *testing.T) {
	t.Parallel()
	realtest.Need(t, realtest.Chromium, realtest.Oathtool, realtest.Python, realtest.Build, realtest.Wheel,
		realtest.Twine, realtest.Flit, realtest.Poetry, realtest.Keyring, realtest.Pip)
	mails := mailtest.Start(t)
	s := startServer(t, mailSettings(mails))
	ada := newPerson(t, s, mails, "ada")
	ada.signUp(s.setupLink())

	for _, project := range []string{"demo", "demo-flit", "demo-poetry", "other"} {
		ada.register(project)
	}
	token := ada.mint("ci of demo", "demo", "demo-flit", "demo-poetry")
	ada.sees("You will not see this token again")
	upload(t, s, token)
	download(t, s)

	t.Run("another project is refused", func(t *testing.T) {
		out, err := twine(t, s, token, realtest.MakeDist(t, "other", "1.0"))
		if err == nil || !strings.Contains(out, "Invalid API Token: token is valid for") {
			t.Errorf("twine: %v\n%s", err, out)
		}
	})
	t.Run("a revoked token is refused", func(t *testing.T) {
		ada.t = t
		ada.open(s.url + "/tokens")
		ada.sees("ci of demo", "demo-poetry")
		ada.press("Revoke")
		ada.sees("demo") // what used it last
		ada.press("Revoke token")
		ada.at("/tokens")
		out, err := twine(t, s, token, realtest.MakeDist(t, "demo", "2.0"))
		if err == nil || !strings.Contains(out, "Invalid API Token: token was revoked") {
			t.Errorf("twine: %v\n%s", err, out)
		}
	})
}

// upload puts a package there with each of the three clients.
func upload(t *testing.T, s *server, token string) {
	t.Helper()
	if out, err := twine(t, s, token, build(t, "demo", "1.0")); err != nil {
		t.Fatalf("twine: %v\n%s", err, out)
	}
	flit := project(t, "flit_core", "demo-flit", "1.0")
	out, err := run(t, flit, []string{
		"FLIT_INDEX_URL=" + s.url + "/legacy/", "FLIT_USERNAME=__token__", "FLIT_PASSWORD=" + token,
		"PYTHON_KEYRING_BACKEND=keyring.backends.null.Keyring",
	}, realtest.Flit.Path, "publish")
	if err != nil {
		t.Fatalf("flit: %v\n%s", err, out)
	}
	poetry := project(t, "poetry", "demo-poetry", "1.0")
	out, err = run(t, poetry, []string{
		"POETRY_REPOSITORIES_LOCAL_URL=" + s.url + "/legacy/", "POETRY_PYPI_TOKEN_LOCAL=" + token,
		"PYTHON_KEYRING_BACKEND=keyring.backends.null.Keyring", "HOME=" + t.TempDir(),
	}, realtest.Poetry.Path, "publish", "--build", "-n", "-r", "local")
	if err != nil {
		t.Fatalf("poetry: %v\n%s", err, out)
	}
}

// download fetches each package with pip.
func download(t *testing.T, s *server) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"demo", "demo-flit", "demo-poetry"} {
		out, err := run(t, dir, []string{"PIP_CONFIG_FILE=/dev/null"}, realtest.Pip.Path, "-m", "pip", "download",
			"--no-deps", "--no-cache-dir", "--disable-pip-version-check", "--index-url", s.url+"/simple/", name)
		if err != nil {
			t.Fatalf("pip download %s: %v\n%s", name, err, out)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 3 {
		t.Errorf("pip downloaded %v, %v", files, err)
	}
}

func twine(t *testing.T, s *server, token, dir string) (string, error) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "dist", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("nothing was built in %s: %v", dir, err)
	}
	args := []string{"upload", "--non-interactive", "--disable-progress-bar", "--repository-url", s.url + "/legacy/"}
	return run(t, dir, []string{"TWINE_USERNAME=__token__", "TWINE_PASSWORD=" + token}, realtest.Twine.Path, append(args, files...)...)
}

// build makes a source distribution and a wheel with setuptools.
func build(t *testing.T, name, version string) string {
	t.Helper()
	dir := project(t, "setuptools", name, version)
	mustRun(t, dir, nil, realtest.Build.Path, "-m", "build", "--no-isolation", ".")
	return dir
}

// project writes the sources of a package for one of the build systems.
func project(t *testing.T, system, name, version string) string {
	t.Helper()
	dir := t.TempDir()
	module := strings.ReplaceAll(name, "-", "_")
	text := map[string]string{
		"setuptools": "[build-system]\nrequires=[\"setuptools\"]\nbuild-backend=\"setuptools.build_meta\"\n" +
			"[project]\nname=\"NAME\"\nversion=\"VERSION\"\ndescription=\"A demonstration\"\nrequires-python=\">=3.8\"\n[tool.setuptools]\npy-modules=[\"MODULE\"]\n",
		"flit_core": "[build-system]\nrequires=[\"flit_core >=3.2\"]\nbuild-backend=\"flit_core.buildapi\"\n" +
			"[project]\nname=\"NAME\"\nversion=\"VERSION\"\ndescription=\"A demonstration\"\nauthors=[{name=\"Ada\"}]\n",
		"poetry": "[tool.poetry]\nname=\"NAME\"\nversion=\"VERSION\"\ndescription=\"A demonstration\"\nauthors=[\"Ada <ada@example.org>\"]\n" +
			"[tool.poetry.dependencies]\npython=\"^3.8\"\n[build-system]\nrequires=[\"poetry-core\"]\nbuild-backend=\"poetry.core.masonry.api\"\n",
	}[system]
	text = strings.NewReplacer("NAME", name, "VERSION", version, "MODULE", module).Replace(text)
	for file, content := range map[string]string{
		"pyproject.toml": text, module + ".py": "\"\"\"A demonstration\"\"\"\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
