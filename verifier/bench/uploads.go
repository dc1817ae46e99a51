package main

import (
	"bytes"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/rind-dev/rind/internal/dist/disttest"
)

// The benchmark of uploads: every round runs every server with every kind of upload, in another order each time, and the
// report has medians of the rates and of the ratios within the rounds.

// uploadsConfig says how long the benchmark runs.
type uploadsConfig struct {
	rounds int
	small  time.Duration // of small uploads, each time
	large  int           // large uploads, each time: as many one after the other, and four times as many at once
	pages  int           // files on the page that is read
	peers  string        // folder with the environments of pypiserver and devpi
}

const (
	smallSize = 2 << 10
	largeSize = 50 << 20
	restSize  = 970 // of a wheel besides its text
)

// server is one of those that are compared.
type server struct {
	name    string
	url     string // that uploads are posted to
	auth    string // header
	pid     int
	clean   func() error // between two rounds
	stop    func()
	samples map[string][]float64 // by kind of upload: uploads a second, by round; 0 where it failed
	cpu     map[string][]float64 // milliseconds of CPU of the server for one, by round
	failed  string
}

// kindOf is a kind of upload: how large, and how many at once.
type kindOf struct {
	name     string
	size     int
	parallel int
}

var uploadKinds = []kindOf{{"2 KB x1", smallSize, 1}, {"2 KB x8", smallSize, 8}, {"50 MB x1", largeSize, 1}, {"50 MB x8", largeSize, 8}}

// upload is the form for one project, without the name of the file.
type upload struct {
	project  string
	before   []byte // the form up to the name of the file
	behind   []byte // from there to the content
	content  []byte
	closing  []byte
	boundary string
}

// newUpload makes a wheel of about that size, and the form for it. Base64 makes the noise a third longer, and packing undoes that.
func newUpload(project string, size int) (*upload, error) {
	noise := make([]byte, max(0, size-restSize))
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(noise)
	content := disttest.Wheel(project, "1.0", "x = '"+base64.StdEncoding.EncodeToString(noise)+"'\n")
	sum := sha256.Sum256(content)
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, f := range [][2]string{
		{":action", "file_upload"}, {"protocol_version", "1"}, {"metadata_version", "2.1"}, {"name", project}, {"version", "1.0"},
		{"filetype", "bdist_wheel"}, {"pyversion", "py3"}, {"requires_python", ">=3.8"}, {"summary", "A demonstration"}, {"sha256_digest", hex.EncodeToString(sum[:])},
	} {
		if err := form.WriteField(f[0], f[1]); err != nil {
			return nil, err
		}
	}
	if _, err := form.CreateFormFile("content", "NAME"); err != nil {
		return nil, err
	}
	before, behind, _ := bytes.Cut(b.Bytes(), []byte("NAME"))
	return &upload{project, bytes.Clone(before), bytes.Clone(behind), content, []byte("\r\n--" + form.Boundary() + "--\r\n"), form.Boundary()}, nil
}

// file is the name of the n-th file: one of the same version, with another build number.
func (u *upload) file(n int64) string { return fmt.Sprintf("%s-1.0-%d-py3-none-any.whl", u.project, n) }

// post sends the n-th file.
func (u *upload) post(client *http.Client, s *server, n int64) error {
	head := bytes.Join([][]byte{u.before, []byte(u.file(n)), u.behind}, nil)
	r, err := http.NewRequest(http.MethodPost, s.url, io.MultiReader(bytes.NewReader(head), bytes.NewReader(u.content), bytes.NewReader(u.closing)))
	if err != nil {
		return err
	}
	r.ContentLength = int64(len(head) + len(u.content) + len(u.closing))
	r.Header.Set("Content-Type", "multipart/form-data; boundary="+u.boundary)
	r.Header.Set("Authorization", s.auth)
	res, err := client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.200s", res.Status, said)
	}
	return err
}

// run uploads, and notes how many a second, and what they cost the server.
func (s *server) run(c uploadsConfig, kind kindOf, u *upload, names *atomic.Int64) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: kind.parallel}, Timeout: 5 * time.Minute}
	defer client.CloseIdleConnections()
	most := int64(1 << 40)
	until := time.Now().Add(c.small)
	if kind.size == largeSize {
		most, until = int64(c.large), time.Now().Add(time.Hour)
		if kind.parallel > 1 {
			most *= 4
		}
	}
	var sent, done atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	used, began := cpuOf(s.pid), time.Now()
	for range kind.parallel {
		wg.Go(func() {
			for time.Now().Before(until) && sent.Add(1) <= most {
				if err := u.post(client, s, names.Add(1)); err != nil {
					mu.Lock()
					s.failed = fmt.Sprintf("%s: %v", kind.name, err)
					mu.Unlock()
					continue
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	n := float64(done.Load())
	s.samples[kind.name] = append(s.samples[kind.name], n/time.Since(began).Seconds())
	s.cpu[kind.name] = append(s.cpu[kind.name], float64(cpuOf(s.pid)-used)/float64(time.Millisecond)/max(n, 1))
}

// compareUploads runs the benchmark and prints the report.
func compareUploads(dir string, c uploadsConfig) error {
	all, err := startServers(dir, c)
	stop := sync.OnceFunc(func() {
		for _, s := range slices.Backward(all) {
			s.stop()
		}
	})
	defer stop()
	if err != nil {
		return err
	}
	names := &atomic.Int64{}
	for round := range c.rounds {
		for _, kind := range uploadKinds {
			u, err := newUpload(fmt.Sprintf("bench%d", round), kind.size)
			if err != nil {
				return err
			}
			for _, i := range rand.Perm(len(all)) {
				all[i].run(c, kind, u, names)
				for _, s := range all { // pypiserver reads all its files for a list, whoever uploaded them, and what is kept fills the page cache
					if err := s.clean(); err != nil {
						return err
					}
				}
				settle(all)
			}
		}
	}
	printUploads(all)
	stop()
	return comparePages(dir, c)
}

// settle waits until the disk has what was written and no server computes any more, at most 10 s: pypiserver leaves its files to the
// operating system, and devpi works on after its answer, which would be at the next server's cost.
func settle(all []*server) {
	syscall.Sync()
	used := func() (total time.Duration) {
		for _, s := range all {
			total += cpuOf(s.pid)
		}
		return total
	}
	for end, before := time.Now().Add(10*time.Second), time.Duration(-1); time.Now().Before(end); {
		now := used()
		if now-before <= 10*time.Millisecond && before >= 0 {
			return
		}
		before = now
		time.Sleep(200 * time.Millisecond)
	}
}

// Goals, as shares of another server's rate in the same round.
var uploadGoals = []struct {
	name, of, kind string
	share          float64
}{
	{folderName, bareName, "2 KB x1", 0.8}, {folderName, bareName, "2 KB x8", 0.8}, {folderName, bareName, "50 MB x1", 0.9}, {folderName, bareName, "50 MB x8", 0.9},
	{folderName, pypiserverName, "2 KB x1", 3}, {folderName, pypiserverName, "2 KB x8", 3}, {folderName, pypiserverName, "50 MB x1", 1.8}, {folderName, pypiserverName, "50 MB x8", 1.8},
	{folderName, devpiName, "2 KB x1", 3}, {folderName, devpiName, "2 KB x8", 3}, {folderName, devpiName, "50 MB x1", 1.8}, {folderName, devpiName, "50 MB x8", 1.8},
	{beforePypiserver, pypiserverName, "2 KB x1", 0}, {beforePypiserver, pypiserverName, "2 KB x8", 0.9}, {beforePypiserver, pypiserverName, "50 MB x1", 0}, {beforePypiserver, pypiserverName, "50 MB x8", 0.9},
	{beforeDevpi, devpiName, "2 KB x1", 0}, {beforeDevpi, devpiName, "2 KB x8", 0}, {beforeDevpi, devpiName, "50 MB x1", 0}, {beforeDevpi, devpiName, "50 MB x8", 0},
}

func printUploads(all []*server) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "uploads a second (CPU ms of the server for one)\t")
	for _, kind := range uploadKinds {
		fmt.Fprintf(w, "%s\t", kind.name)
	}
	fmt.Fprintln(w, "memory, most\t")
	for _, s := range all {
		fmt.Fprintf(w, "%s\t", s.name)
		for _, kind := range uploadKinds {
			fmt.Fprintf(w, "%.1f (%.1f)\t", medianOf(s.samples[kind.name]), medianOf(s.cpu[kind.name]))
		}
		fmt.Fprintf(w, "%s\t\n", memoryOf(s.pid))
	}
	w.Flush()
	for _, s := range all {
		if s.failed != "" {
			fmt.Printf("%s failed at times: %s\n", s.name, s.failed)
		}
	}
	byName := map[string]*server{}
	for _, s := range all {
		byName[s.name] = s
	}
	for _, g := range uploadGoals {
		a, b := byName[g.name], byName[g.of]
		if a == nil || b == nil {
			continue
		}
		var ratios []float64
		for i, rate := range a.samples[g.kind] {
			if b.samples[g.kind][i] > 0 {
				ratios = append(ratios, rate/b.samples[g.kind][i])
			}
		}
		is, verdict := medianOf(ratios), ""
		switch {
		case g.share == 0:
		case is >= g.share:
			verdict = fmt.Sprintf("holds (goal %.2f)", g.share)
		default:
			verdict = fmt.Sprintf("MISSED (goal %.2f)", g.share)
		}
		fmt.Printf("%-9s %s / %s: %.2f %s\n", g.kind, g.name, g.of, is, verdict)
	}
}

func medianOf(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// emptied takes what is in a folder out of it, into trash, and lets go of its bytes. It removes nothing before the benchmark ends: ext4 without
// a journal steps over each inode that was removed within the last minutes when it looks for one for a new file, at the cost of the next servers.
func emptied(dir, trash string, keep ...string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if slices.Contains(keep, e.Name()) || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if err := os.MkdirAll(trash, 0o755); err != nil {
			return err
		}
		to := filepath.Join(trash, crand.Text()+"-"+e.Name())
		if err := os.Rename(filepath.Join(dir, e.Name()), to); err != nil {
			return err
		}
		err := filepath.WalkDir(to, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			return os.Truncate(path, 0)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
