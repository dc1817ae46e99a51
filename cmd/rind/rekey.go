package main

import (
	"bytes"
	"context"
	"log/slog"

	"github.com/rind-dev/rind/verifier/rootkeys"
)

// rekey seals a root-key store anew, while it is in use, each time that it is called and
// load, which reads the key file, has another key than before. Where it fails the store
// stays as it is, and the log says so.
//
// The key file is replaced first and the signal sent then. A process that ends between the
// two finds the store sealed with the old key when it comes back: that is what the old
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
