package feed

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// How the feed travels over HTTP. A verifier authenticates each request with its own
// secret, "Authorization: Bearer <secret>", and gets 401 if that is unknown or
// revoked. The answers are streams of frames, one JSON object a line; a frame that
// is cut off has no newline and is not read.
//
//   - GET PathStream, with the query parameters issuer, epoch, after and chain: first a
//     frame with the issuer's position, then the change sets after that revision as
//     they commit, each in a frame, in order and without gaps, and each Heartbeat a
//     frame with the position. 410 says that changes that far back are gone, that
//     the verifier is new (after=0 with no issuer), or that the issuer began a new
//     epoch: take a snapshot. 409 says that an operator has to decide, and the header
//     ConflictHeader says why: the verifier follows another issuer, or its position is not
//     in this issuer's history, because this issuer has another chain value there (or lacks
//     that revision or epoch). A verifier has one stream: opening another one ends the
//     earlier one.
//
//   - GET PathSnapshot: a frame with the position from which to follow afterwards,
//     frames of records, and a frame with End and a position. Records may be newer than
//     the first position, but not newer than the last: the verifier asks for what follows
//     with the first one's revision and the last one's chain value. A stream without End is
//     not a snapshot. A token that was revoked, and has been expired for a day, is left out.
//     A verifier has one snapshot: asking for another one ends the earlier one. 503 with
//     Retry-After says that too many are under way.
//
//   - POST PathReport with a Report: 204, and in the header PositionHeader the issuer's
//     position, taken after the report came. So once the verifier has applied that position,
//     it knows that it was current when it sent the report; a frame of
//     a stream can't tell how long it was on its way. A verifier sends one as soon as it has
//     applied what the stream brought, without waiting for anything, and at least once
//     per ReportEvery while it has a stream; the issuer ends the stream of a verifier that
//     it has not heard from for ReportLate. 409 as above: nothing of the report was taken.
//     The issuer takes one report at a time, and waits longer after a large one; 503 with
//     Retry-After says that too many wait.
//
//   - POST PathRegister with a Registration: 200 and Registered. 422 and a RegisterRefused says that
//     the issuer decided against it; any other status says that it could not be asked. Asking
//     again for a project that the token's owner has is a success. 503 with Retry-After says that
//     too many ask.
//
// Each of them answers 403 to a request over plain HTTP from another machine, and
// 400 to one that makes no sense. When a stream ends, no frame says why: the verifier
// comes back, and the status tells it.
const (
	PathStream   = "/feed/v1/stream"
	PathSnapshot = "/feed/v1/snapshot"
	PathReport   = "/feed/v1/report"
	PathRegister = "/feed/v1/register"
)

// PositionHeader is the header of a Position in text form.
const PositionHeader = "Rind-Position"

// ConflictHeader says why an answer is 409. A verifier that receives ConflictHistory stops
// deciding until it has the records of a new epoch or its operator resets it. A 409 without
// the header, as from a proxy, does not have that effect.
const (
	ConflictHeader  = "Rind-Conflict"
	ConflictHistory = "other-history"
	ConflictIssuer  = "other-issuer"
)

// String returns the text form of a Position: issuer, epoch, revision and chain value,
// with slashes between them.
func (p Position) String() string {
	return fmt.Sprintf("%s/%d/%d/%s", p.Issuer, p.Epoch, p.Revision, p.Chain)
}

// ParsePosition reads what String writes, and nothing else.
func ParsePosition(s string) (Position, error) {
	parts := strings.Split(s, "/")
	if len(parts) != 4 || parts[0] == "" || len(parts[0]) > 64 {
		return Position{}, fmt.Errorf("feed: %.80q is no position", s)
	}
	epoch, err := strconv.ParseUint(parts[1], 10, 64)
	revision, err2 := strconv.ParseUint(parts[2], 10, 64)
	chain, err3 := ParseChain(parts[3])
	if err := errors.Join(err, err2, err3); err != nil {
		return Position{}, fmt.Errorf("feed: %.80q is no position: %w", s, err)
	}
	p := Position{Issuer: parts[0], Epoch: epoch, Revision: revision, Chain: chain}
	if p.String() != s { // leading zeros: a position has one text
		return Position{}, fmt.Errorf("feed: %.80q is no position: its numbers are not written as %d and %d", s, epoch, revision)
	}
	return p, nil
}

// String returns the text form of a Chain: 64 lower-case hex digits.
func (c Chain) String() string { return hex.EncodeToString(c[:]) }

// ParseChain reads what String writes.
func ParseChain(s string) (c Chain, err error) {
	if len(s) != 2*len(c) || strings.ToLower(s) != s {
		return Chain{}, fmt.Errorf("feed: %.80q is no chain value", s)
	}
	if _, err := hex.Decode(c[:], []byte(s)); err != nil {
		return Chain{}, fmt.Errorf("feed: %.80q is no chain value: %w", s, err)
	}
	return c, nil
}

// MarshalText is String.
func (c Chain) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText is ParseChain; the empty text is the zero value.
func (c *Chain) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*c = Chain{}
		return nil
	}
	*c, err = ParseChain(string(b))
	return err
}

// Heartbeat is how often a stream sends the issuer's position, which also shows that it is alive.
const Heartbeat = time.Second

// ReportEvery is the longest time between two reports of a verifier with a stream. After
// ReportLate without one, the issuer considers the verifier gone.
const (
	ReportEvery = 10 * time.Second
	ReportLate  = 45 * time.Second
)

// Limits of what either side reads.
const (
	MaxFrame    = 8 << 20  // bytes of a frame
	MaxReport   = 1 << 20  // bytes of a report
	MaxRegister = 32 << 10 // bytes of a Registration
	MaxUses     = 1000     // uses in a report
	Records     = 500      // changes in a frame of a snapshot, at most
)

// Frame is one line of a stream. It holds one of these; a position always comes with
// the issuer's time.
type Frame struct {
	Position *Position  `json:"position,omitempty"` // at the end of a snapshot, beside End
	Time     time.Time  `json:"time,omitzero"`
	Set      *ChangeSet `json:"set,omitempty"`
	Records  []Change   `json:"records,omitempty"` // of a snapshot
	End      bool       `json:"end,omitempty"`     // of a snapshot: it is complete
	Count    int        `json:"count,omitempty"`   // with End: how many records there were
}

// Report is what a verifier tells the issuer.
type Report struct {
	Applied Position `json:"applied"`        // what its store has applied
	Uses    []Use    `json:"uses,omitempty"` // since the last report that arrived
}

// Use records that a token was used for a project, only as precisely as its owner needs
// to know: the last of Count times.
type Use struct {
	Token   string    `json:"token"` // UUID
	At      time.Time `json:"at"`    // whole minute
	Project string    `json:"project,omitempty"`
	Network string    `json:"network,omitempty"` // address of the client, or its network
	Count   int       `json:"count,omitempty"`   // uses since the previous report; 0 means one
}

// Registration asks the issuer to register a project whose first upload a verifier holds in its hands, and
// which the token would allow but for the missing project. It has what the verifier knows of that upload, because
// the issuer checks all of the token again.
type Registration struct {
	Token     string `json:"token"`   // its text: a secret
	Project   string `json:"project"` // the name as the upload spells it
	Version   string `json:"version"`
	Filename  string `json:"filename"`
	SHA256    string `json:"sha256"`
	ClientIP  string `json:"client_ip,omitempty"`
	UserAgent string `json:"user_agent,omitempty"` // for the audit trail
}

// Registered is the answer to a Registration.
type Registered struct {
	Revision uint64 `json:"revision"` // a verifier that has applied it knows the project
}

// RegisterRefused is why the issuer did not register a project.
type RegisterRefused struct {
	Status int    `json:"status"` // for the uploading client: 400, 403 or 429
	Reason string `json:"reason"` // a sentence for people, printable on one line
}

// ErrFrame says that the data received is not a frame: the stream was cut off or changed
// on its way.
var ErrFrame = errors.New("feed: the stream is damaged or was cut off")

// WriteFrame writes one frame.
func WriteFrame(w io.Writer, f Frame) error {
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("feed: encode: %w", err)
	}
	if len(b) >= MaxFrame {
		return fmt.Errorf("feed: a frame of %d bytes is over the limit of %d", len(b), MaxFrame)
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// FrameReader reads frames, and holds one of them in memory.
type FrameReader struct{ r *bufio.Reader }

// NewFrameReader reads frames from r.
func NewFrameReader(r io.Reader) *FrameReader {
	return &FrameReader{bufio.NewReaderSize(r, 64<<10)}
}

// Ready reports whether Next has a whole line available and need not wait for it.
func (r *FrameReader) Ready() bool {
	b, _ := r.r.Peek(r.r.Buffered())
	return bytes.IndexByte(b, '\n') >= 0
}

// Next reads one frame. It returns io.EOF if the stream ends after a whole frame, and ErrFrame
// for everything that is not a whole frame.
func (r *FrameReader) Next() (Frame, error) {
	var f Frame
	line, err := r.line()
	if err != nil {
		return f, err
	}
	err = json.Unmarshal(line, &f)
	if err != nil {
		return Frame{}, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	return f, nil
}

// line reads a line of at most MaxFrame bytes, with its newline.
func (r *FrameReader) line() ([]byte, error) {
	var line []byte
	for {
		part, err := r.r.ReadSlice('\n')
		if len(line)+len(part) > MaxFrame {
			return nil, fmt.Errorf("%w: a frame is over the limit of %d bytes", ErrFrame, MaxFrame)
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%w: it ends within a frame", ErrFrame)
		}
		return nil, err
	}
}
