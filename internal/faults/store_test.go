package faults

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/internal/realtest"
)

// putBack are what happens to the file of a root-key store by other programs: to a verifier's
// while that follows, and to the issuer's own while that serves.
func putBack(p past) (out []fault) {
	for how, put := range map[string]func(path string, older []byte) error{
		"cp":       func(path string, older []byte) error { return os.WriteFile(path, older, 0o600) },
		"truncate": func(path string, _ []byte) error { return os.Truncate(path, 8192) },
	} {
		out = append(out, fault{how + " over the store that a verifier follows with", func(t *testing.T) { storeFollowed(t, p, how, put) }})
	}
	return append(out,
		fault{"truncate under rind serve while people upload", func(t *testing.T) { truncatedUnderLoad(t, p) }},
		fault{"one record turned back under rind serve, and at its start", func(t *testing.T) { recordServed(t, p) }},
		fault{"one record of a verifier's store turned back", func(t *testing.T) { recordFollowed(t, p) }},
	)
}

// remedy is what every message about a store's file says.
const remedy = "away and let a new one be filled from the issuer"

// storeFollowed changes the store of a verifier that runs: it says so, ends when it is
// told to, and the next one never brings a revoked token back.
func storeFollowed(t *testing.T, p past, how string, put func(path string, older []byte) error) {
	w, kept := p.world(t), filepath.Join(p.dir, "kept.token")
	older := read(t, w.keys)
	w.serve()
	w.follow(w.secret("berlin"))
	w.healthy()
	w.revokeNow(p.keptID)
	check(t, put(w.keys, older))
	w.damaged()
	w.endDamaged(&w.follower)

	if how == "truncate" {
		w.decides(kept, unavailable)
		w.refuses("verifier", "status", "--keys", w.keys)
		w.refuses("verifier", "copy", "--keys", w.keys, "--to", filepath.Join(w.dir, "copy.db"))
		w.refuses("verifier", "follow", "--issuer", w.url(""), "--secret-file", w.secret("berlin"), "--keys", w.keys)
		check(t, os.Remove(w.keys))
	}
	w.follow(w.secret("berlin"))
	w.healthy()
	w.stopFollow()
	w.decides(kept, denied)
}

// truncatedUnderLoad cuts the store of a server that is asked all the time: each answer
// comes, none allows what was revoked, and the server ends when it is told to.
func truncatedUnderLoad(t *testing.T, p past) {
	w := p.world(t)
	w.serve()
	w.revokeNow(p.keptID)
	token := strings.TrimSpace(string(read(t, filepath.Join(p.dir, "kept.token"))))
	var people sync.WaitGroup
	asked, cut := make(chan struct{}, 100), make(chan struct{})
	for range 4 {
		people.Go(func() {
			for after, enough := 0, false; !enough; {
				select {
				case <-cut:
					after++
				default:
				}
				status, err := w.upload(token)
				if err != nil || status != http.StatusForbidden && status != http.StatusServiceUnavailable {
					t.Errorf("an upload with a revoked token: %d, %v", status, err)
					return
				}
				enough = after > 10 && status == http.StatusServiceUnavailable
				select {
				case asked <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 20 {
		<-asked
	}
	check(t, os.Truncate(filepath.Join(w.data, "rootkeys.db"), 8192))
	close(cut)
	people.Wait()
	check(t, realtest.Get(w.url("/healthz"), http.StatusServiceUnavailable, ""))
	w.endDamaged(&w.server)
}

// recordServed puts the value that a token's record had before it was revoked back into the
// store of an issuer, without its key: into the pages that it reads from, while it runs.
func recordServed(t *testing.T, p past) {
	w := p.world(t)
	path := filepath.Join(w.data, "rootkeys.db")
	token := strings.TrimSpace(string(read(t, filepath.Join(p.dir, "kept.token"))))
	before := chunks(t, path)
	w.revoke(p.keptID)
	w.serve()
	w.uploads(token, http.StatusForbidden)
	w.stopServe()
	now, older := changedChunk(t, before, chunks(t, path))
	w.serve()
	w.uploads(token, http.StatusForbidden)
	patch(t, path, now, older)
	w.uploads(token, http.StatusServiceUnavailable)
	w.server.Eventually("rind serve says that its store is damaged", func() error {
		return realtest.Get(w.url("/healthz"), http.StatusServiceUnavailable, "")
	})
	if !strings.Contains(w.server.Out.String(), remedy) {
		t.Errorf("the log does not say what to do\n%s", w.server.Out)
	}
	w.stopServe()
	w.decidesBy(path, filepath.Join(p.dir, "kept.token"), unavailable)

	w.server = realtest.Start(t, nil, realtest.Rind(t), "serve", "--data", w.data, "--listen", w.address())
	w.server.Eventually("rind serve says at its start that its store is damaged", func() error {
		return realtest.Get(w.url("/healthz"), http.StatusServiceUnavailable, "")
	})
	w.uploads(token, http.StatusServiceUnavailable)
	w.stopServe()
	check(t, os.Remove(path))
	w.serve()
	w.uploads(token, http.StatusForbidden)
}

// recordFollowed does the same to a verifier's store, between two runs.
func recordFollowed(t *testing.T, p past) {
	w, kept := p.world(t), filepath.Join(p.dir, "kept.token")
	before := chunks(t, w.keys)
	w.serve()
	w.follow(w.secret("berlin"))
	w.healthy()
	w.revokeNow(p.keptID)
	w.stopFollow()
	w.decides(kept, denied)
	now, older := changedChunk(t, before, chunks(t, w.keys))
	patch(t, w.keys, now, older)
	w.decides(kept, unavailable)
	w.refuses("verifier", "copy", "--keys", w.keys, "--to", filepath.Join(w.dir, "copy.db"))
	w.follow(w.secret("berlin"))
	w.damaged()
	w.stopFollow()
	check(t, os.Remove(w.keys))
	w.follow(w.secret("berlin"))
	w.healthy()
	w.stopFollow()
	w.decides(kept, denied)
}

// damaged waits until the verifier says everywhere that its store is damaged, and what to do.
func (w *world) damaged() {
	w.Helper()
	w.follower.Eventually("the verifier says that its store is damaged", func() error {
		return errors.Join(realtest.Get("http://"+w.status+"/healthz", http.StatusServiceUnavailable, remedy),
			realtest.Get("http://"+w.status+"/status", http.StatusOK, `"usable":false,`),
			realtest.Get("http://"+w.status+"/metrics", http.StatusOK, "\nrind_verifier_usable 0\n"))
	})
	out, code := w.run("verifier", "status", "--from", w.status)
	if code != 1 || !strings.Contains(out, remedy) {
		w.Errorf("the status is %d\n%s", code, out)
	}
}

// endDamaged ends a process whose store is damaged, which is not a good end.
func (w *world) endDamaged(p **realtest.Process) {
	w.Helper()
	_ = (*p).End(syscall.SIGTERM)
	if code := (*p).Cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains((*p).Out.String(), remedy) {
		w.Errorf("%s ends with %d\n%s", (*p).Cmd, code, (*p).Out)
	}
	*p = nil
}

// refuses runs a command that can't do what it is for, and says what to do.
func (w *world) refuses(args ...string) {
	w.Helper()
	if out, code := w.run(args...); code == 0 || !strings.Contains(out, remedy) {
		w.Errorf("rind %s: %d\n%s", strings.Join(args, " "), code, out)
	}
}

// revokeNow revokes a token at the server, and returns when it and the verifier that is
// connected have that.
func (w *world) revokeNow(id string) {
	w.Helper()
	said := w.rind("admin", "--data", w.data, "revoke-token", id, "--reason", "test")
	if w.follower != nil && !strings.Contains(said, "2 of 2") {
		w.Fatalf("the verifier does not have it\n%s", said)
	}
}

// uploads uploads a file that nobody would take, and wants a status.
func (w *world) uploads(token string, want int) {
	w.Helper()
	status, err := w.upload(token)
	if err != nil || status != want {
		w.Errorf("an upload: %d, want %d: %v", status, want, err)
	}
}

func (w *world) upload(token string) (status int, err error) {
	const form = "--b\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n"
	body := fmt.Sprintf(form, ":action", "file_upload") + fmt.Sprintf(form, "protocol_version", "1") + fmt.Sprintf(form, "metadata_version", "2.1") +
		fmt.Sprintf(form, "name", "demo") + fmt.Sprintf(form, "version", "1.0") + fmt.Sprintf(form, "filetype", "sdist") + fmt.Sprintf(form, "sha256_digest", strings.Repeat("0", 64)) +
		"--b\r\nContent-Disposition: form-data; name=\"content\"; filename=\"demo-1.0.tar.gz\"\r\n\r\nnothing\r\n--b--\r\n"
	r, err := http.NewRequest(http.MethodPost, w.url("/legacy/"), strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	r.SetBasicAuth("__token__", token)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: realtest.Patience}).Do(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	check(t, err)
	return b
}

// chunks are the values that hold tokens in a store that nobody holds, by their keys.
func chunks(t *testing.T, path string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	check(t, err)
	check(t, errors.Join(db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("records")).ForEach(func(k, v []byte) error {
			if k[0] == 't' {
				all[string(k)] = bytes.Clone(v)
			}
			return nil
		})
	}), db.Close()))
	return all
}

// changedChunk is a value that a change of a token wrote, and what it was before.
func changedChunk(t *testing.T, before, after map[string][]byte) (now, older []byte) {
	t.Helper()
	for k, v := range before {
		if now := after[k]; now != nil && !bytes.Equal(now, v) {
			return now, v
		}
	}
	t.Fatal("no chunk of tokens changed")
	return nil, nil
}

// patch writes a value over the one that stands in a file, wherever that is in it, and makes
// it as long as it is: bbolt's element before it has its length in its last four bytes.
func patch(t *testing.T, path string, value, older []byte) {
	t.Helper()
	b := read(t, path)
	if len(older) > len(value) {
		t.Fatalf("a value of %d bytes does not go in the place of one of %d", len(older), len(value))
	}
	done := 0
	for from := 0; ; {
		at := bytes.Index(b[from:], value)
		if at < 0 {
			break
		}
		at += from
		from = at + 1
		page := at &^ (os.Getpagesize() - 1)
		for i := range int(binary.NativeEndian.Uint16(b[page+10:])) {
			element := page + 16 + 16*i
			pos, key, size := binary.NativeEndian.Uint32(b[element+4:]), binary.NativeEndian.Uint32(b[element+8:]), binary.NativeEndian.Uint32(b[element+12:])
			if element+int(pos+key) == at && int(size) == len(value) {
				binary.NativeEndian.PutUint32(b[element+12:], uint32(len(older)))
				copy(b[at:], older)
				done++
			}
		}
	}
	if done == 0 {
		t.Fatal("the value is not in the file")
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	check(t, err)
	_, err = f.WriteAt(b, 0)
	check(t, errors.Join(err, f.Close()))
}
