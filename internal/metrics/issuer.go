package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rind-dev/rind/internal/mail"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/ledger"
)

// What is read for each scrape.
var (
	metricIssuerRevision = prometheus.NewDesc("rind_revision", "Last revision of the issuer.", nil, nil)
	metricIssuerEpoch    = prometheus.NewDesc("rind_epoch", "Epoch of the issuer's history.", nil, nil)
	metricVerifiers      = prometheus.NewDesc("rind_verifiers", "Verifiers that are registered, by whether they are connected.", []string{"connected"}, nil)
	metricCurrent        = prometheus.NewDesc("rind_verifiers_current", "Verifiers that are connected and lack no revision.", nil, nil)
	metricAstray         = prometheus.NewDesc("rind_verifiers_other_history", "Verifiers with a different history than this store, which was restored from a backup; they decide nothing.", nil, nil)
	metricMaxLag         = prometheus.NewDesc("rind_verifiers_lag_revisions_max", "Largest number of revisions that a connected verifier lacks.", nil, nil)
	metricMaxBehind      = prometheus.NewDesc("rind_verifiers_behind_seconds_max", "Age of the oldest revision that a connected verifier lacks.", nil, nil)
	metricMails          = prometheus.NewDesc("rind_mails_waiting", "Emails with links that wait for the mail server.", nil, nil)
)

// Issuer collects the metrics of an issuer, read for each scrape.
type Issuer struct {
	Followers *followers.Service
	Mails     *mail.Queue
}

// Describe implements prometheus.Collector.
func (i Issuer) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{metricIssuerRevision, metricIssuerEpoch, metricVerifiers, metricCurrent, metricAstray, metricMaxLag, metricMaxBehind, metricMails} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (i Issuer) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if n, err := i.Mails.Waiting(ctx); err != nil {
		ch <- prometheus.NewInvalidMetric(metricMails, err)
	} else {
		gauge(metricMails, float64(n))
	}
	at, err := i.Followers.Position(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(metricIssuerRevision, err)
		return
	}
	gauge(metricIssuerRevision, float64(at.Revision))
	gauge(metricIssuerEpoch, float64(at.Epoch))
	list, err := i.Followers.Verifiers(ctx, ledger.Principal{Admin: true})
	if err != nil {
		ch <- prometheus.NewInvalidMetric(metricVerifiers, err)
		return
	}
	var connected, away, current, astray int
	var lag uint64
	var behind time.Duration
	for _, v := range list {
		if v.Astray && v.Revoked.At.IsZero() {
			astray++
		}
		switch {
		case !v.Revoked.At.IsZero():
		case v.Connected.IsZero():
			away++
		default:
			connected++
			if v.Lag == 0 {
				current++
			}
			lag, behind = max(lag, v.Lag), max(behind, v.Behind)
		}
	}
	gauge(metricVerifiers, float64(connected), "yes")
	gauge(metricVerifiers, float64(away), "no")
	gauge(metricCurrent, float64(current))
	gauge(metricAstray, float64(astray))
	gauge(metricMaxLag, float64(lag))
	gauge(metricMaxBehind, behind.Seconds())
}
