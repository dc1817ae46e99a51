package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/rind-dev/rind/verifier/rootkeys"
)

// rekey seals a root-key store anew, while it is in use, each time that SIGHUP comes and
// the key file holds another key than before, until ctx ends. Where it fails the store
// stays as it is, and the log says so.
//
// The key file is replaced first and the signal sent then. A process that ends between the
// two finds the store sealed with the old key when it comes back: that is what the old
// key's file is for.
func rekey(ctx context.Context, keys *rootkeys.Store, keyFile string, key []byte, log *slog.Logger) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	log.DebugContext(ctx, "waiting for SIGHUP to seal the root-key store anew")
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		next, err := rootkeys.LoadKey(keyFile)
		switch {
		case err != nil:
			log.ErrorContext(ctx, "the root-key store keeps its key", "error", err)
			continue
		case bytes.Equal(next, key):
			log.InfoContext(ctx, "the root-key store keeps its key: the key file holds no other", "file", keyFile)
			continue
		}
		if err := keys.Rotate(ctx, next); err != nil {
			log.ErrorContext(ctx, "the root-key store keeps its key", "error", err)
			continue
		}
		key = next
		log.InfoContext(ctx, "the root-key store is sealed with the new key")
	}
}
