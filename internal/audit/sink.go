package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// ToHandler makes a Sink that writes rows between the other lines of the log, whatever its level.
func ToHandler(h slog.Handler) Sink {
	return func(ctx context.Context, rows []Event) (int, error) {
		for i, e := range rows {
			if err := h.Handle(ctx, e.Record()); err != nil {
				return i, err
			}
		}
		return len(rows), nil
	}
}

// ToFile makes a Sink that appends rows to a file of mode 0600, in lines formatted by format. It opens the file each time, so
// rotating it only takes moving it away. The Sink returns when the rows are on the disk; if they can't be
// written, it leaves no partial row.
func ToFile(path string, format func(io.Writer) slog.Handler) Sink {
	return func(ctx context.Context, rows []Event) (n int, err error) {
		var lines bytes.Buffer
		n, err = ToHandler(format(&lines))(ctx, rows)
		if err != nil {
			return n, err
		}
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return 0, fmt.Errorf("audit: writing the log: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		before, err := f.Stat()
		if err != nil {
			return 0, fmt.Errorf("audit: writing the log: %w", err)
		}
		_, err = f.Write(lines.Bytes())
		if err == nil && before.Mode().IsRegular() {
			err = f.Sync()
		}
		if err != nil {
			if before.Mode().IsRegular() {
				err = errors.Join(err, f.Truncate(before.Size()))
			}
			return 0, fmt.Errorf("audit: writing the log: %w", err)
		}
		return len(rows), nil
	}
}
