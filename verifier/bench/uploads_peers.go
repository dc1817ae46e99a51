package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
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
	if kind != "upstream" { // rind's folder is made anew by the next upload
		s.clean = func() error { return emptied(dir, dir+"-trash", "staging") }
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
	s.url, s.auth, s.clean = "http://"+at+"/", basic("gw", "s"), func() error { return emptied(files, filepath.Join(dir, "trash")) }
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
