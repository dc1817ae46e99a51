package main

import (
	"bytes"
	"context"
	"log/slog"

	"github.com/rind-dev/rind/verifier/rootkeys"
)

// rekey returns a reloadable that reseals a root-key store while it is in use, if
// load, which reads the key file, returns another key than before. If that fails the store
// stays as it is, and the log says so.
//
// The operator replaces the key file first and sends the signal then. If the process ends between the
// two, it finds the store sealed with the old key when it starts again: that is what the old
// key's file is for.
func rekey(keys *rootkeys.Store, load func() ([]byte, error), key []byte, log *slog.Logger) reloadable {
	return func(ctx context.Context) {
		next, err := load()
		switch {
		case err != nil:
			log.ErrorContext(ctx, "the root-key store keeps its key", "error", err)
			return
		case bytes.Equal(next, key):
			log.InfoContext(ctx, "the root-key store keeps its key: the key file has not changed")
			return
		}
		if err := keys.Rotate(ctx, next); err != nil {
			log.ErrorContext(ctx, "the root-key store keeps its key", "error", err)
			return
		}
		key = next
		log.InfoContext(ctx, "the root-key store is sealed with the new key")
	}
}
