package audit

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// columns are the columns of a trail as CSV. New ones are added at the end.
var columns = []string{
	"seq", "time", "kind", "group", "actor", "actor_id", "ip", "user_agent", "factor", "request_id",
	"account", "account_id", "project", "project_id", "detail",
}

// Encoder writes rows for other programs to read.
type Encoder interface {
	// Encode writes one row. What it wrote may wait for Flush.
	Encode(Event) error
	Flush() error
}

// NewJSONLines makes an Encoder that writes each row as a JSON object in a line of its
// own, as it is in the store.
func NewJSONLines(w io.Writer) Encoder {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return jsonLines{enc}
}

type jsonLines struct{ enc *json.Encoder }

func (j jsonLines) Encode(e Event) error { return j.enc.Encode(e) }
func (jsonLines) Flush() error           { return nil }

// NewCSV makes an Encoder of CSV (RFC 4180), after a line with the names of the columns. The last
// column is a JSON object. Text that a spreadsheet would take for a formula, at the start of a
// cell or after a semicolon or a tab in it, gets an apostrophe in front.
func NewCSV(w io.Writer) (Encoder, error) {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(columns); err != nil {
		return nil, err
	}
	return csvRows{out}, nil
}

type csvRows struct{ out *csv.Writer }

func (c csvRows) Flush() error {
	c.out.Flush()
	return c.out.Error()
}

func (c csvRows) Encode(e Event) error {
	detail := []byte("{}")
	if len(e.Detail) > 0 {
		var err error
		detail, err = json.Marshal(e.Detail)
		if err != nil {
			return err
		}
	}
	cells := []string{
		strconv.FormatUint(e.Seq, 10), e.Time.UTC().Format(time.RFC3339Nano), e.Kind, string(GroupOf(e.Kind)),
		e.Actor.Username, e.Actor.UserID, e.Actor.IP, e.Actor.UserAgent, e.Actor.Factor, e.Actor.RequestID,
		e.AccountName, e.Account, e.ProjectName, e.Project, string(detail),
	}
	for i := range cells {
		cells[i] = defuse(cells[i])
	}
	return c.out.Write(cells)
}

// formula is where a spreadsheet could take a part of a cell for a formula (OWASP, CSV injection): at its
// begin, and behind what spreadsheets split lines at where a comma is part of numbers, quotes or not.
var formula = regexp.MustCompile(`(^|[;\t|\r\n])([ "]*)([=+\-@＝＋－＠])`)

// defuse puts an apostrophe before each of them, and before a cell that begins with a tab or a line break.
func defuse(cell string) string {
	out := formula.ReplaceAllString(cell, "$1'$2$3")
	if strings.HasPrefix(out, "\t") || strings.HasPrefix(out, "\r") {
		return "'" + out
	}
	return out
}
