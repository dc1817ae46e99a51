package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// uploads are the metrics of uploads.
type uploads struct {
	checkTime prometheus.Histogram     // of checks of tokens
	seconds   *prometheus.HistogramVec // by status
	bytes     prometheus.Counter
	index     *prometheus.HistogramVec // by path, method and status
}

func newUploads() uploads {
	histogram := func(name, help string, smallest float64) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Name: "rind_" + name, Help: help, Buckets: prometheus.ExponentialBuckets(smallest, 4, 10)}
	}
	return uploads{
		checkTime: prometheus.NewHistogram(histogram("check_seconds", "Time that checks of tokens took.", 1e-6)),
		seconds: prometheus.NewHistogramVec(histogram("upload_seconds",
			"Time from the beginning of an upload to its answer, by the status of the answer: 200 kept, 400 wrong, 403 denied, 502 an index that is set up wrongly, 503 not possible now.", 1e-3), []string{"status"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{Name: "rind_upload_bytes_total", Help: "Bytes of files that arrived, kept or refused."}),
		index: prometheus.NewHistogramVec(histogram("index_seconds",
			"Time that the index behind a path of the gateway took to begin its answer, by method and status; \"none\" without an answer.", 1e-3), []string{"path", "method", "status"}),
	}
}

// Upload counts an upload. It is for gateway.Config.OnAnswer.
func (m *Server) Upload(status int, size int64, took time.Duration) {
	m.uploads.seconds.WithLabelValues(strconv.Itoa(status)).Observe(took.Seconds())
	m.uploads.bytes.Add(float64(size))
}

// Index returns what counts the answers of the index at a path of the gateway. It is for upstream.Config.OnAnswer.
func (m *Server) Index(path string) func(method string, status int, took time.Duration) {
	return func(method string, status int, took time.Duration) {
		said := "none"
		switch {
		case status >= 100 && status <= 599:
			said = strconv.Itoa(status)
		case status != 0:
			said = "other"
		}
		m.uploads.index.WithLabelValues(path, method, said).Observe(took.Seconds())
	}
}
