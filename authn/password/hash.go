package password

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"runtime"

	"github.com/alexedwards/argon2id"
	xargon2 "golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// DefaultParams is the cost of a password hash: argon2id with 64 MiB,
// two passes and one lane, above OWASP's minimum (46 MiB and one pass, or 19 MiB
// and two). BenchmarkHash compares them. In 50 rounds of all of them, side by side on two
// busy cores of an EPYC, its median was 115 ms (69 ms on idle cores), OWASP's two
// took 39 and 30 ms, and RFC 9106's second choice (64 MiB, three passes, four lanes)
// took 170 ms. One lane keeps a sign-in on one core, so that several take turns fairly;
// memory is bounded by the number of hashes that run at once (NewHasher).
var DefaultParams = argon2id.Params{
	Memory: 64 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32,
}

// Function makes and checks password hashes.
type Function interface {
	Hash(password string) (string, error)

	// Check reports whether password belongs to hash, and whether hash was made with
	// other parameters than Hash uses now.
	Check(password, hash string) (ok, outdated bool, err error)

	// Dummy returns a hash that belongs to no password that anybody knows. To check it costs as much as to check one of Hash.
	Dummy() string
}

type argon2 struct{ params argon2id.Params }

func (a argon2) Hash(password string) (string, error) {
	return argon2id.CreateHash(password, &a.params)
}

func (a argon2) Check(password, hash string) (ok, outdated bool, err error) {
	ok, params, err := argon2id.CheckHash(password, hash)
	if err != nil {
		return false, false, err
	}
	return ok, *params != a.params, nil
}

// Dummy implements Function. Its digest is random, in place of one that was computed.
func (a argon2) Dummy() string {
	random := func(size uint32) string {
		b := make([]byte, size)
		_, _ = rand.Read(b) // it never fails
		return base64.RawStdEncoding.EncodeToString(b)
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", xargon2.Version, a.params.Memory, a.params.Iterations, a.params.Parallelism,
		random(a.params.SaltLength), random(a.params.KeyLength))
}

// Argon2 returns argon2id with the given cost, or with DefaultParams if params is nil. It refuses parameters that
// are too small.
func Argon2(params *argon2id.Params) (Function, error) {
	if params == nil {
		params = &DefaultParams
	}
	if params.Memory == 0 || params.Iterations == 0 || params.Parallelism == 0 || params.SaltLength < 8 || params.KeyLength < 16 {
		return nil, fmt.Errorf("password: parameters %+v: each is at least 1, the salt 8 bytes, the key 16", *params)
	}
	return argon2{*params}, nil
}

// Hasher hashes passwords, a bounded number at the same time. It is safe for concurrent use.
type Hasher struct {
	function Function
	dummy    string // of function
	queue    *queue
}

// NewHasher makes a Hasher that runs up to parallel hashes at the same time. If parallel is 0 or less, it runs as many
// as there are processors, but at least two.
func NewHasher(f Function, parallel int) *Hasher {
	if parallel <= 0 {
		parallel = max(2, runtime.GOMAXPROCS(0))
	}
	return &Hasher{function: f, dummy: f.Dummy(), queue: newQueue(parallel)}
}

// Load returns how many hashes that count with a requester run or wait, and how many run or wait in all.
func (p *Hasher) Load(who Requester) (counted, all int) { return p.queue.load(who) }

// Hash makes the hash of a password that is good enough (Check). It returns ErrBusy if the queue is
// full, and the error of ctx if ctx ends while Hash waits.
func (p *Hasher) Hash(ctx context.Context, who Requester, password string) (string, error) {
	leave, err := p.queue.enter(ctx, who)
	if err != nil {
		return "", err
	}
	defer leave()
	return p.function.Hash(norm.NFC.String(password))
}

// Check compares a password with a hash. If hash is "" it compares with the dummy:
// that is the same work, and never true. If the password is right and the hash outdated,
// renewed is a new hash of it.
func (p *Hasher) Check(ctx context.Context, who Requester, password, hash string) (ok bool, renewed string, err error) {
	leave, err := p.queue.enter(ctx, who)
	if err != nil {
		return false, "", err
	}
	defer leave()
	known := hash != ""
	if !known {
		hash = p.dummy
	}
	password = norm.NFC.String(password)
	ok, outdated, err := p.function.Check(password, hash)
	if err != nil {
		return false, "", fmt.Errorf("password: a hash: %w", err)
	}
	ok = ok && known
	if ok && outdated {
		renewed, err = p.function.Hash(password)
	}
	return ok, renewed, err
}
