// Package certificate keeps the TLS certificate of a listener up to date with its files.
package certificate

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rind-dev/rind/internal/private"
)

// checkTime is how often the files of a certificate are checked.
const checkTime = 5 * time.Second

// maxPEM bounds the file of a key, in bytes.
const maxPEM = 1 << 20

// Files is the pair that a listener shows, kept up to date with its files: to renew it,
// just replace the old files with the new ones. If the new pair can't be used, the
// previous one stays.
type Files struct {
	certFile, keyFile string
	now               func() time.Time
	log               *slog.Logger
	shown             atomic.Pointer[tls.Certificate]

	mu      sync.Mutex        // over what follows, which is look's
	seen    [sha256.Size]byte // of the pair that was read last, good or not
	pending bool              // seen was not good; it may be half of a renewal
}

// Open reads the pair, which must be usable. Only its owner and a group may be able to read the key. Open accepts an
// expired pair, with a warning.
func Open(certFile, keyFile string, log *slog.Logger) (*Files, error) {
	c := &Files{certFile: certFile, keyFile: keyFile, now: time.Now, log: log}
	sum, pair, err := c.read()
	if err != nil {
		return nil, err
	}
	c.seen = sum
	c.shown.Store(pair)
	if c.isOver(pair) {
		log.Warn("the certificate has expired", "file", certFile, "expired", pair.Leaf.NotAfter)
	}
	return c, nil
}

// Get is for tls.Config.GetCertificate.
func (c *Files) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.shown.Load(), nil }

// read reads the files; sum, which tells pairs apart, is the digest of what could be read.
func (c *Files) read() (sum [sha256.Size]byte, _ *tls.Certificate, err error) {
	cert, certErr := os.ReadFile(c.certFile)
	key, keyErr := private.AnyGroup.Read(c.keyFile, maxPEM)
	err = errors.Join(certErr, keyErr)
	sum = sha256.Sum256(fmt.Appendf(nil, "%q %q %v", cert, key, err))
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.X509KeyPair(cert, key)
	}
	if err != nil {
		return sum, nil, fmt.Errorf("tls-cert %s and tls-key %s: %w", c.certFile, c.keyFile, err)
	}
	return sum, &pair, nil
}

// isOver tells whether a certificate has expired.
func (c *Files) isOver(pair *tls.Certificate) bool { return c.now().After(pair.Leaf.NotAfter) }

// Run looks at the files each five seconds until ctx ends.
func (c *Files) Run(ctx context.Context) {
	tick := time.NewTicker(checkTime)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.Look(ctx, false)
		}
	}
}

// Look starts to use a pair that has changed. It warns of an unusable pair only when it
// sees it for the second time, because a renewal writes one file after the other. If asked
// is true, it warns at once.
func (c *Files) Look(ctx context.Context, asked bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum, pair, err := c.read()
	if sum == c.seen && !c.pending {
		if asked && err == nil {
			c.log.InfoContext(ctx, "the certificate is the same as before", "file", c.certFile)
		}
		if asked && err != nil {
			c.warn(ctx, err)
		}
		return
	}
	again := sum == c.seen
	c.seen, c.pending = sum, false
	shown := c.shown.Load()
	if err == nil && c.isOver(pair) && !c.isOver(shown) {
		err = fmt.Errorf("tls-cert %s: the certificate expired at %s", c.certFile, pair.Leaf.NotAfter.Format(time.RFC3339))
	}
	switch {
	case err == nil:
		c.shown.Store(pair)
		c.log.InfoContext(ctx, "the certificate was renewed", "file", c.certFile, "until", pair.Leaf.NotAfter)
	case asked || again:
		c.warn(ctx, err)
	default:
		c.pending = true
	}
}

func (c *Files) warn(ctx context.Context, err error) {
	c.log.WarnContext(ctx, "the files can't be used, so rind keeps the previous certificate", "error", err, "until", c.shown.Load().Leaf.NotAfter)
}
