package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rogpeppe/go-internal/testscript"
)

// uploadRequest uploads a small file of demo 1.0.
func uploadRequest(url, token string) (*http.Request, error) {
	archive := disttest.SDist("demo", "1.0", "")
	digest := sha256.Sum256(archive)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, f := range [][2]string{
		{":action", "file_upload"}, {"protocol_version", "1"}, {"metadata_version", "2.1"}, {"name", "demo"}, {"version", "1.0"},
		{"filetype", "sdist"}, {"sha256_digest", hex.EncodeToString(digest[:])},
	} {
		if err := form.WriteField(f[0], f[1]); err != nil {
			return nil, err
		}
	}
	file, err := form.CreateFormFile("content", "demo-1.0.tar.gz")
	if err != nil {
		return nil, err
	}
	if _, err := file.Write(archive); err != nil {
		return nil, err
	}
	if err := form.Close(); err != nil {
		return nil, err
	}
	r, err := http.NewRequest(http.MethodPost, url, &body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.SetBasicAuth("__token__", token)
	return r, nil
}

// cmdUpload uploads a file with the token in a file, and wants a status.
func cmdUpload(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "upload URL TOKENFILE STATUS")
	r, err := uploadRequest(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
	ts.Check(err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := client.Do(r)
	ts.Check(err)
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if strconv.Itoa(resp.StatusCode) != args[2] {
		ts.Fatalf("%s answers %d: %s", args[0], resp.StatusCode, said)
	}
}
