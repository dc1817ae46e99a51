package metrics

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rind-dev/rind/verifier/replication"
)

// Follower collects the metrics of a follower, all read at one moment for each scrape.
type Follower struct {
	Of           *replication.Follower
	MaxStaleness time.Duration
}

func metric(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("rind_verifier_"+name, help, nil, nil)
}

var (
	metricUsable    = metric("usable", "1 where the store can decide, 0 where it is too old, not filled yet or damaged, or of another history.")
	metricHistory   = metric("other_history", "1 where the issuer has another history than the store, which then decides nothing.")
	metricConnected = metric("connected", "1 while there is a stream from the issuer.")
	metricEpoch     = metric("epoch", "Epoch of the issuer's history that the store follows.")
	metricRevision  = metric("revision", "Revision that the store has applied.")
	metricHead      = metric("issuer_revision", "Last revision that the issuer told.")
	metricLag       = metric("lag_revisions", "Revisions that the store lacks, as far as is known.")
	metricAge       = metric("age_seconds", "Time since the store was last known to be current; NaN where it can't be told.")
	metricAllowed   = metric("max_staleness_seconds", "Age up to which the store decides.")
	metricAhead     = metric("issuer_clock_ahead_seconds", "By how much the issuer's clock is ahead of this one's.")
	metricFailing   = metric("failing", "1 where the last attempt to follow failed, or the store is damaged.")
	metricUses      = metric("uses_waiting", "Uses of tokens that wait for a report.")
	metricDropped   = metric("uses_dropped_total", "Uses of tokens that were dropped for want of room.")
)

// Describe implements prometheus.Collector.
func (m Follower) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements prometheus.Collector.
func (m Follower) Collect(ch chan<- prometheus.Metric) {
	s := m.Of.Status()
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	truth := func(d *prometheus.Desc, is bool) {
		gauge(d, map[bool]float64{true: 1}[is])
	}
	age := s.Age.Seconds()
	if s.Age < 0 {
		age = math.NaN()
	}
	truth(metricUsable, s.Usable)
	truth(metricHistory, s.Parted)
	truth(metricConnected, !s.Connected.IsZero())
	truth(metricFailing, s.Err != nil)
	gauge(metricEpoch, float64(s.Position.Epoch))
	gauge(metricRevision, float64(s.Position.Revision))
	gauge(metricHead, float64(s.Head))
	gauge(metricLag, float64(s.Lag))
	gauge(metricAge, age)
	gauge(metricAllowed, m.MaxStaleness.Seconds())
	gauge(metricAhead, s.Ahead.Seconds())
	gauge(metricUses, float64(s.Uses))
	ch <- prometheus.MustNewConstMetric(metricDropped, prometheus.CounterValue, float64(s.Dropped))
}
