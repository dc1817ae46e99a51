package leaks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
)

// FromFile returns a Load that reads the list from a file, again at each call.
func FromFile(path string) Load {
	return func(context.Context) ([]byte, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("leaks: %w", err)
		}
		defer f.Close()
		return readList(f)
	}
}

// FromURL returns a Load that reads the list from an address with client; if that is
// nil, it uses http.DefaultTransport. It does not follow redirects, which could lead
// away from the configured host, or from TLS.
func FromURL(url string, client *http.Client) Load {
	if client == nil {
		client = &http.Client{}
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error {
		return errors.New("leaks: the address of the keys leads elsewhere: configure the one that it leads to")
	}
	return func(ctx context.Context) ([]byte, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, fmt.Errorf("leaks: %w", err)
		}
		r.Header.Set("Accept", "application/json")
		resp, err := own.Do(r)
		if err != nil {
			return nil, fmt.Errorf("leaks: %w", err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("leaks: %s answers %d", url, resp.StatusCode)
		}
		return readList(resp.Body)
	}
}

// readList reads up to one byte more than a list may have; parseKeys refuses such a list.
func readList(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxList+1))
	if err != nil {
		return nil, fmt.Errorf("leaks: the list of keys: %w", err)
	}
	return b, nil
}
