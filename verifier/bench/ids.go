package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// hour is how many tokens an issuer creates per hour.
const hour = 100

// tokenID returns a UUID of version 7 (RFC 9562 §5.7) like those of an issuer: in order of time, at random
// times within each hour, with random bits after the time.
func tokenID(n int) string {
	r := rand.New(rand.NewPCG(7, uint64(n/hour)))
	var gaps [hour + 1]float64
	sum, until := 0.0, 0.0
	for i := range gaps {
		gaps[i] = r.ExpFloat64()
		sum += gaps[i]
		if i <= n%hour {
			until += gaps[i]
		}
	}
	at := start.AddDate(-1, 0, 0).UnixMilli() + int64((float64(n/hour)+until/sum)*3600_000)
	bits := rand.New(rand.NewPCG(8, uint64(n)))
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], uint64(at)<<16|0x7000|bits.Uint64()&0xfff)
	binary.BigEndian.PutUint64(id[8:], 1<<63|bits.Uint64()>>2)
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
