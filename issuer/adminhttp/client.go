package adminhttp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/rind-dev/rind/internal/text"
)

// Answer is the server's answer to a command. It is untrusted, and its texts are made safe to print in a terminal.
type Answer struct {
	Status int
	body   []byte
}

// Ask sends a command to the server that listens on the socket at path, after [CheckSocket] has checked it. An error
// means that there is no answer.
func Ask(ctx context.Context, path, name string, req Request) (Answer, error) {
	if err := CheckSocket(path); err != nil {
		return Answer{}, err
	}
	b, err := json.Marshal(req)
	if err != nil {
		return Answer{}, err
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://rind"+Prefix+name, bytes.NewReader(b))
	if err != nil {
		return Answer{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := transport.RoundTrip(r)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return Answer{res.StatusCode, body}, err
}

// Done reports whether the server did what it was asked.
func (a Answer) Done() bool { return a.Status == http.StatusOK }

// WriteJSON writes the answer as one line of ASCII. It fails if the answer is not JSON.
func (a Answer) WriteJSON(w io.Writer) error {
	if !json.Valid(a.body) {
		return errors.New("the server's answer can't be read: it is not JSON")
	}
	return text.JSON(w, json.RawMessage(a.body))
}

// Decode reads the answer into a value of one of this package's types. It changes each text so that it stays on one
// line, and no name breaks a table.
func (a Answer) Decode(into any) error {
	if err := a.decode(into); err != nil {
		return fmt.Errorf("the server's answer can't be read: %w", err)
	}
	return nil
}

// Problems returns the sentences of a Refusal, or nil if the answer is something else.
func (a Answer) Problems() []string {
	var r Refusal
	if a.decode(&r) != nil {
		return nil
	}
	var out []string
	for _, p := range r.Error {
		out = append(out, p.Text)
	}
	return out
}

func (a Answer) decode(into any) error {
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	if err != nil {
		return err
	}
	b, err := json.Marshal(inLines(v))
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

// inLines changes each text in decoded JSON so that it stays on one line.
func inLines(v any) any {
	switch v := v.(type) {
	case string:
		return text.Line(v)
	case []any:
		for i := range v {
			v[i] = inLines(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = inLines(v[k])
		}
	}
	return v
}
