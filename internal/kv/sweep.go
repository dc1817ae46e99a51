package kv

import "context"

// SweepStep is how many pairs one transaction of Sweep visits at most: some milliseconds, in which nobody else can write.
const SweepStep = 200

// Sweep visits the pairs below a prefix, in the order of their keys and in several transactions of update, such as the
// method of a Store. visit may change or delete its pair. Like the function of any transaction, it may run again. The
// sweep ends with the first error, or when visit returns false because no later pair needs it.
func Sweep[T Reader](ctx context.Context, update func(context.Context, func(T) error) error, prefix string, visit func(T, Pair) (more bool, err error)) error {
	var after []byte
	for more := true; more; {
		var last []byte
		err := update(ctx, func(tx T) error {
			pairs, err := tx.Scan([]byte(prefix), after, SweepStep, false)
			if err != nil {
				return err
			}
			more = len(pairs) == SweepStep
			for _, p := range pairs {
				last = p.Key
				further, err := visit(tx, p)
				if err != nil {
					return err
				}
				if !further {
					more = false
					return nil
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		after = last
	}
	return nil
}
