package publishers

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/rind-dev/rind/internal/kv"
)

// Tend does what has to be done from time to time: it ends pending publishers and reminds their users, and forgets ID tokens that have
// expired. Call it about hourly; several processes may.
func (s *Service) Tend(ctx context.Context) error {
	return errors.Join(s.sweepPending(ctx), s.forgetMarks(ctx))
}

// RefreshKeys fetches the keys of all issuers that publishers name, if they are old. Call it every few minutes, in each process.
func (s *Service) RefreshKeys(ctx context.Context) error {
	urls, err := s.namedIssuers(ctx)
	if err == nil {
		err = s.loadIssuers(ctx)
	}
	if err == nil {
		s.idtokens.Refresh(ctx, urls)
	}
	return err
}

// namedOr returns the issuers that publishers name, and one more. If they can't be read, it is that one alone.
func (s *Service) namedOr(ctx context.Context, issuer string) []string {
	urls, err := s.namedIssuers(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "the issuers that publishers name were not read", "error", err)
	}
	return append(urls, issuer)
}

// namedIssuers lists the URLs of the issuers that publishers name: it reads one entry of each.
func (s *Service) namedIssuers(ctx context.Context) (urls []string, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		urls = nil
		var after []byte
		for {
			pairs, err := r.Scan([]byte(keyIssuers), after, 1, false)
			if err != nil || len(pairs) == 0 {
				return err
			}
			urls = append(urls, string(pairs[0].Value))
			after = append(issuerPrefix(string(pairs[0].Value)), 0xff) // behind all its entries: ids are text
		}
	})
	return urls, err
}

// forgetMarks forgets the use of ID tokens that have expired.
func (s *Service) forgetMarks(ctx context.Context) error {
	return kv.Sweep(ctx, s.store.Update, keyMarkEnd, func(tx kv.Tx, p kv.Pair) (more bool, err error) {
		at := p.Key[len(keyMarkEnd):]
		switch {
		case len(at) != 8+32:
			return false, fmt.Errorf("publishers: the key %q is damaged: restore the store from a backup", p.Key)
		case int64(binary.BigEndian.Uint64(at)) > s.clock().Unix():
			return false, nil
		}
		return true, errors.Join(tx.Delete(markKey([32]byte(at[8:]))), tx.Delete(p.Key))
	})
}
