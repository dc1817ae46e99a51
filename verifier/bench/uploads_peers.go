package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rind-dev/rind/internal/dist/disttest"
)

// Names of the servers.
const (
	bareName         = "bare handler"
	folderName       = "rind, folder"
	pypiserverName   = "pypiserver"
	devpiName        = "devpi"
	beforePypiserver = "rind before pypiserver"
	beforeDevpi      = "rind before devpi"
	pagesPypiserver  = "pypiserver, pages"
)

// startServers starts all that are compared. The peers that are not installed are left out.
func startServers(dir string, c uploadsConfig) (all []*server, err error) {
	_, text, err := mintToken()
	if err != nil {
		return nil, err
	}
	own := func(name, kind, url, password string) error {
		at := filepath.Join(dir, strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ",", ""))
		err := os.MkdirAll(at, 0o755)
		if err == nil && password != "" {
			err = os.WriteFile(filepath.Join(at, "password"), []byte(password), 0o600)
		}
		if err != nil {
			return err
		}
		s, err := startSelf(name, kind, at, url)
		if err == nil {
			s.auth = basic("__token__", text)
			all = append(all, s)
		}
		return err
	}
	err = errors.Join(own(bareName, "bare", "", ""), own(folderName, "gateway", "", ""))
	if err != nil {
		return all, err
	}
	pypiserver, err := startPypiserver(pypiserverName, c.peers, filepath.Join(dir, "pypiserver"))
	switch {
	case err != nil:
		fmt.Println("pypiserver is left out:", err)
	default:
		all = append(all, pypiserver)
		if err := own(beforePypiserver, "upstream", pypiserver.url, "s"); err != nil {
			return all, err
		}
	}
	devpi, password, err := startDevpi(c.peers, filepath.Join(dir, "devpi"))
	switch {
	case err != nil:
		fmt.Println("devpi is left out:", err)
	default:
		all = append(all, devpi)
		if err := own(beforeDevpi, "upstream", devpi.url, password); err != nil {
			return all, err
		}
	}
	return all, nil
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func newServer(name string, pid int, stop func()) *server {
	return &server{name: name, pid: pid, stop: stop, clean: func() error { return nil }, samples: map[string][]float64{}, cpu: map[string][]float64{}}
}

// startSelf starts this program as a server.
func startSelf(name, kind, dir, url string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-serve", kind, "-dir", dir, "-url", url)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := newServer(name, cmd.Process.Pid, func() { in.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("%s did not start: %w", name, err)
	}
	s.url = "http://" + strings.TrimSpace(line) + "/"
	if kind == "bare" {
		s.clean = func() error { return emptied(dir, "staging") }
	}
	return s, nil
}

// startPeer starts a program that listens on a port that it is told.
func startPeer(name, dir string, args ...string) (s *server, at string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	at = l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(at)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "PORT", port)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	s = newServer(name, cmd.Process.Pid, func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		res, err := http.Get("http://" + at + "/")
		if err == nil {
			res.Body.Close()
			return s, at, nil
		}
		if time.Now().After(end) {
			s.stop()
			return nil, "", err
		}
	}
}

// python is the interpreter of a peer's environment.
func python(peers, name string) (string, error) {
	found, err := filepath.Glob(filepath.Join(peers, name+"-*", "bin", "python"))
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("there is no %s in %s: 'make tools' installs it", name, peers)
	}
	return found[len(found)-1], nil
}

func startPypiserver(name, peers, dir string) (*server, error) {
	py, err := python(peers, "pypiserver")
	if err != nil {
		return nil, err
	}
	files := filepath.Join(dir, "files")
	if err := os.MkdirAll(files, 0o755); err != nil {
		return nil, err
	}
	made := exec.Command(py, "-c", "from passlib.apache import HtpasswdFile as H\nh = H('htpasswd', new=True)\nh.set_password('gw', 's')\nh.save()")
	made.Dir = dir
	if out, err := made.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	s, at, err := startPeer(name, dir, py, "-m", "pypiserver", "run", "-i", "127.0.0.1", "-p", "PORT", "-P", "htpasswd", "-a", "update", "--disable-fallback", "files")
	if err != nil {
		return nil, err
	}
	s.url, s.auth, s.clean = "http://"+at+"/", basic("gw", "s"), func() error { return emptied(files) }
	return s, nil
}

// startDevpi returns devpi with an index root/team, and the password of its user gw, which is the result of a login.
func startDevpi(peers, dir string) (*server, string, error) {
	py, err := python(peers, "devpi")
	if err != nil {
		return nil, "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, "", err
	}
	made := exec.Command(filepath.Join(filepath.Dir(py), "devpi-init"), "--serverdir", "server", "--no-root-pypi", "--root-passwd", "x")
	made.Dir = dir
	if out, err := made.CombinedOutput(); err != nil {
		return nil, "", fmt.Errorf("%w: %s", err, out)
	}
	s, at, err := startPeer(devpiName, dir, filepath.Join(filepath.Dir(py), "devpi-server"), "--serverdir", "server", "--host", "127.0.0.1", "--port", "PORT", "--threads", "8")
	if err != nil {
		return nil, "", err
	}
	root, err := devpiLogin(at, "root", "x")
	if err == nil {
		_, err = devpiCall(at, "PUT", "/gw", "root:"+root, map[string]any{"password": "s"})
	}
	if err == nil {
		_, err = devpiCall(at, "PUT", "/root/team", "root:"+root, map[string]any{"type": "stage", "volatile": false, "bases": []string{}, "acl_upload": []string{"gw"}})
	}
	password := ""
	if err == nil {
		password, err = devpiLogin(at, "gw", "s")
	}
	if err != nil {
		s.stop()
		return nil, "", err
	}
	s.url, s.auth = "http://"+at+"/root/team/", basic("gw", password)
	return s, password, nil
}

func devpiLogin(at, user, password string) (string, error) {
	result, err := devpiCall(at, "POST", "/+login", "", map[string]any{"user": user, "password": password})
	text, _ := result["password"].(string)
	return text, err
}

func devpiCall(at, method, path, auth string, body map[string]any) (map[string]any, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequest(method, "http://"+at+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if auth != "" {
		r.Header.Set("X-Devpi-Auth", base64.StdEncoding.EncodeToString([]byte(auth)))
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var answer struct{ Result any }
	err = json.NewDecoder(res.Body).Decode(&answer)
	if err == nil && res.StatusCode > 299 {
		err = fmt.Errorf("devpi: %s %s: %s", method, path, res.Status)
	}
	result, _ := answer.Result.(map[string]any)
	return result, err
}

// comparePages reads the page of a project of many files, and asks whether it has changed.
func comparePages(dir string, c uploadsConfig) error {
	at := filepath.Join(dir, "pages")
	for _, to := range []string{filepath.Join(at, "many"), filepath.Join(dir, "pages-pypiserver", "files")} {
		if err := manyFiles(to, c.pages); err != nil {
			return err
		}
	}
	settle(nil)
	own, err := startSelf("rind, pages", "gateway", at, "")
	if err != nil {
		return err
	}
	defer own.stop()
	list := []*server{own}
	if peer, err := startPypiserver(pagesPypiserver, c.peers, filepath.Join(dir, "pages-pypiserver")); err == nil {
		defer peer.stop()
		list = append(list, peer)
	}
	for _, s := range list {
		if err := readPages(s, c); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// manyFiles makes a folder of n wheels of a project.
func manyFiles(dir string, n int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i := range n {
		name := fmt.Sprintf("many-1.%d-py3-none-any.whl", i)
		if err := os.WriteFile(filepath.Join(dir, name), disttest.Wheel("many", fmt.Sprintf("1.%d", i), ""), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// pageReaders is how many clients read the page at once. One alone waits for the operating system to wake it, many times a page.
const pageReaders = 4

func readPages(s *server, c uploadsConfig) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: pageReaders}, Timeout: 5 * time.Minute}
	defer client.CloseIdleConnections()
	etag, sized := "", int64(0)
	get := func() error {
		r, err := http.NewRequest(http.MethodGet, s.url+"simple/many/", nil)
		if err != nil {
			return err
		}
		r.Header.Set("Accept-Encoding", "gzip") // as pip and uv do
		want := http.StatusOK
		if etag != "" {
			r.Header.Set("If-None-Match", etag)
			want = http.StatusNotModified
		}
		res, err := client.Do(r)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if sized > 0 || want == http.StatusNotModified { // the page is known: what it costs to look at it is not the server's
			n, err := io.CopyBuffer(writeOnly{io.Discard}, res.Body, make([]byte, 64<<10)) // io.Discard itself reads 8 KiB at a time
			if err == nil && (res.StatusCode != want || want == http.StatusOK && n != sized) {
				err = fmt.Errorf("%s, with %d bytes", res.Status, n)
			}
			return err
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		sized = int64(len(body))
		if res.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				return err
			}
			body, err = io.ReadAll(z)
			if err != nil {
				return err
			}
		}
		if res.StatusCode != want || bytes.Count(body, []byte("<a ")) != c.pages {
			err = fmt.Errorf("%s, with %d files", res.Status, bytes.Count(body, []byte("<a ")))
		}
		if want == http.StatusOK && etag == "" {
			s.failed = res.Header.Get("ETag")
		}
		return err
	}
	rate := func() (float64, error) {
		var n atomic.Int64
		var first atomic.Pointer[error]
		var wg sync.WaitGroup
		began := time.Now()
		for range pageReaders {
			wg.Go(func() {
				for again := true; again && first.Load() == nil; again = time.Since(began) < 2*c.small {
					if err := get(); err != nil {
						first.Store(&err)
						return
					}
					n.Add(1)
				}
			})
		}
		wg.Wait()
		if err := first.Load(); err != nil {
			return 0, *err
		}
		return float64(n.Load()) / time.Since(began).Seconds(), nil
	}
	began := time.Now()
	if err := get(); err != nil {
		return err
	}
	first := time.Since(began)
	time.Sleep(3 * time.Second) // a folder that changed in the last two seconds is listed anew each time: file systems round times by that much
	pages, err := rate()
	if err != nil {
		return err
	}
	fmt.Printf("%s: a page of %d files: the first in %s, then %.0f a second", s.name, c.pages, first.Round(time.Millisecond), pages)
	if s.failed != "" {
		etag = s.failed
		unchanged, err := rate()
		if err != nil {
			return err
		}
		fmt.Printf(", unchanged (304) %.0f a second", unchanged)
	}
	fmt.Printf("; memory at most %s\n", memoryOf(s.pid))
	return nil
}

// cpuOf is the CPU time that a process has used, 0 where the system does not say it.
func cpuOf(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 wherever Go runs
}

// memoryOf is the most memory that a process has held, as the system says it.
func memoryOf(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "unknown"
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	kb, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, _ := strconv.Atoi(kb)
	return fmt.Sprintf("%d MiB", n>>10)
}
