package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rind-dev/rind/internal/dist/disttest"
)

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
	etag, sized := "", int64(0) // of the page; with an etag, get asks whether it has changed
	first := ""                 // the page's ETag
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
			first = res.Header.Get("ETag")
		}
		return err
	}
	rate := func() (float64, error) {
		var n atomic.Int64
		var failed atomic.Pointer[error]
		var wg sync.WaitGroup
		began := time.Now()
		for range pageReaders {
			wg.Go(func() {
				for again := true; again && failed.Load() == nil; again = time.Since(began) < 2*c.small {
					if err := get(); err != nil {
						failed.Store(&err)
						return
					}
					n.Add(1)
				}
			})
		}
		wg.Wait()
		if err := failed.Load(); err != nil {
			return 0, *err
		}
		return float64(n.Load()) / time.Since(began).Seconds(), nil
	}
	began := time.Now()
	if err := get(); err != nil {
		return err
	}
	took := time.Since(began)
	time.Sleep(3 * time.Second) // a folder that changed in the last two seconds is listed anew each time: file systems round times by that much
	pages, err := rate()
	if err != nil {
		return err
	}
	fmt.Printf("%s: a page of %d files: the first in %s, then %.0f a second", s.name, c.pages, took.Round(time.Millisecond), pages)
	if first != "" {
		etag = first
		unchanged, err := rate()
		if err != nil {
			return err
		}
		fmt.Printf(", unchanged (304) %.0f a second", unchanged)
	}
	fmt.Printf("; memory at most %s\n", memoryOf(s.pid))
	return nil
}
