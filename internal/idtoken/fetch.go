package idtoken

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Limits of a fetch. Clients of the exchange give up after 5 s, and a first token may wait for it.
const (
	fetchTime   = 4 * time.Second // for the discovery document and the keys together
	maxDocument = 256 << 10       // bytes of either
)

// load reads the keys of an issuer from their file, or fetches them.
func load(ctx context.Context, i Issuer) ([]key, error) {
	if i.JWKS != "" {
		return parseKeys([]byte(i.JWKS), algorithms)
	}
	if i.JWKSFile != "" {
		f, err := os.Open(i.JWKSFile)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		b, err := readBounded(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", i.JWKSFile, err)
		}
		return parseKeys(b, algorithms)
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	c, err := client(i)
	if err != nil {
		return nil, err
	}
	defer c.CloseIdleConnections()
	from, allowed := i.JWKSURL, algorithms
	if from == "" {
		from, allowed, err = discover(ctx, c, i)
		if err != nil {
			return nil, err
		}
	}
	b, err := get(ctx, c, from)
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(b, allowed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return keys, nil
}

// discover reads the discovery document: where the keys are, and which of the accepted algorithms the issuer uses.
func discover(ctx context.Context, c *http.Client, i Issuer) (jwks string, allowed []jose.SignatureAlgorithm, err error) {
	at := i.discovery()
	b, err := get(ctx, c, at)
	if err != nil {
		return "", nil, err
	}
	d, err := ParseObject(b)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", at, err)
	}
	if got, _ := d["issuer"].(string); got != i.URL {
		return "", nil, fmt.Errorf("%s names the issuer %q instead of %q", at, excerpt(got), i.URL)
	}
	jwks, _ = d["jwks_uri"].(string)
	if err := checkURL(jwks); err != nil {
		return "", nil, fmt.Errorf("%s: jwks_uri: %w", at, err)
	}
	list, there := d["id_token_signing_alg_values_supported"].([]any)
	for _, a := range algorithms {
		if !there || slices.Contains(list, any(string(a))) {
			allowed = append(allowed, a)
		}
	}
	if len(allowed) == 0 {
		return "", nil, fmt.Errorf("%s: the issuer signs with none of RS256, ES256 and EdDSA", at)
	}
	return jwks, allowed, nil
}

// client returns a client for the servers of one issuer. It uses no proxy of the environment: the check of addresses
// would see the proxy's.
func client(i Issuer) (*http.Client, error) {
	roots, err := certificates(i.CAFile)
	if err != nil {
		return nil, err
	}
	if i.CA != "" {
		roots = x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(i.CA)) // Check has tried it
	}
	d := &net.Dialer{Timeout: fetchTime, ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
		return checkAddress(network, address, i.PrivateAddresses)
	}}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: d.DialContext, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
			TLSHandshakeTimeout: fetchTime, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// certificates reads the CA file of an issuer; nil: those of the system.
func certificates(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s contains no PEM certificate", file)
	}
	return pool, nil
}

// get fetches a document. It follows no redirects.
func get(ctx context.Context, c *http.Client, from string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "rind")
	resp, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d instead of 200; redirects are not followed", from, resp.StatusCode)
	}
	b, err := readBounded(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return b, nil
}

// readBounded reads at most maxDocument bytes.
func readBounded(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err == nil && len(b) > maxDocument {
		err = fmt.Errorf("it has more than %d bytes", maxDocument)
	}
	return b, err
}

// errAddress says that a host has an address that is not connected to.
var errAddress = errors.New("is not a public address: allow it for this issuer with private-addresses = true")

// checkAddress decides whether an address may be connected to.
func checkAddress(network, address string, private bool) error {
	if !strings.HasPrefix(network, "tcp") {
		return fmt.Errorf("%s is no network to fetch keys from", network)
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	ip := embedded(at.Addr().WithZone(""))
	switch {
	case ip.IsUnspecified(), ip.IsMulticast(), ip.IsLinkLocalUnicast():
		return fmt.Errorf("%s is no address to fetch keys from", at.Addr())
	case private:
		return nil
	case !ip.IsGlobalUnicast(), ip.IsPrivate(), ip.IsLoopback(), slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(ip) }):
		return fmt.Errorf("%s %w", at.Addr(), errAddress)
	}
	return nil
}

// notPublic are networks that net/netip takes for public (IANA's registries of special-purpose addresses).
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("fec0::/10"), netip.MustParsePrefix("2001::/32"),
}

// embedded returns the IPv4 address that an IPv6 address leads to, or the address itself.
func embedded(ip netip.Addr) netip.Addr {
	ip = ip.Unmap()
	if !ip.Is6() {
		return ip
	}
	b := ip.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(ip), netip.MustParsePrefix("::/96").Contains(ip) && ip != netip.IPv6Loopback() && !ip.IsUnspecified():
		return netip.AddrFrom4([4]byte(b[12:]))
	case netip.MustParsePrefix("2002::/16").Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return ip
}
