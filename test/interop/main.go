// Command notation-judge answers what notation-go makes of a signature: it signs and verifies on a registry, on an
// OCI image layout or on an envelope alone, and validates trust policies, for the conformance suite; and it tells how long
// verifying takes, for the benches.
//
// It reads requests from standard input, one JSON object a line, and writes one answer a line to standard output, in
// whatever order they are done: an answer carries the id of its request. It ends with its input.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"
)

const (
	maxRequestBytes = 64 << 20
	requestTimeout  = 60 * time.Second
)

// request is one line of input. Which fields count is the operation's business.
type request struct {
	ID        json.RawMessage `json:"id"`
	Operation string          `json:"operation"`
	signRequest
	verifyRequest
	measureRequest
	target
}

// answer is one line of output. A refusal of notation-go is an answer; Fault is told when the judge itself could not
// do what it was asked.
type answer struct {
	ID      json.RawMessage `json:"id,omitempty"`
	OK      bool            `json:"ok"`
	Error   string          `json:"error,omitempty"`
	Fault   string          `json:"fault,omitempty"`
	Results []result        `json:"results,omitempty"`
	// Digest of what was signed.
	Digest string `json:"digest,omitempty"`
	// Envelope is base64 in JSON.
	Envelope []byte `json:"envelope,omitempty"`
	// Statement that applies to the reference of a policy request.
	Statement string    `json:"statement,omitempty"`
	Measured  *measured `json:"measured,omitempty"`
}

// result is one validation of one signature.
type result struct {
	Type   string `json:"type"`
	Action string `json:"action"`
	Error  string `json:"error,omitempty"`
}

// errFault marks errors that say nothing of notation-go: a request that makes no sense.
var errFault = errors.New("bad request")

func fault(format string, values ...any) error {
	return fmt.Errorf("%w: %s", errFault, fmt.Sprintf(format, values...))
}

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "notation-judge:", err)
		os.Exit(1)
	}
}

func serve(input io.Reader, output io.Writer) error {
	lines := bufio.NewScanner(input)
	lines.Buffer(make([]byte, 0, 1<<20), maxRequestBytes)
	encoder := json.NewEncoder(output)
	var (
		writing sync.Mutex
		running sync.WaitGroup
		failed  error
	)
	slots := make(chan struct{}, runtime.NumCPU())
	for lines.Scan() {
		line := append([]byte(nil), lines.Bytes()...)
		slots <- struct{}{}
		running.Add(1)
		go func() {
			defer running.Done()
			defer func() { <-slots }()
			reply := answerTo(line)
			writing.Lock()
			defer writing.Unlock()
			if err := encoder.Encode(reply); err != nil && failed == nil {
				failed = err
			}
		}()
	}
	running.Wait()
	return errors.Join(lines.Err(), failed)
}

// answerTo never panics: what notation-go panics at is a fault, and the other requests go on.
func answerTo(line []byte) (reply answer) {
	var req request
	defer func() {
		if cause := recover(); cause != nil {
			reply = answer{Fault: fmt.Sprintf("panic: %v", cause)}
		}
		reply.ID = req.ID
	}()
	if err := json.Unmarshal(line, &req); err != nil {
		return answer{Fault: err.Error()}
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	reply, err := perform(ctx, &req)
	switch {
	case err == nil:
		reply.OK = true
	case errors.Is(err, errFault):
		reply.Fault = err.Error()
	default:
		reply.Error = err.Error()
	}
	return reply
}

func perform(ctx context.Context, req *request) (answer, error) {
	switch req.Operation {
	case "sign":
		return sign(ctx, req)
	case "verify":
		return verify(ctx, req)
	case "measure":
		return measure(ctx, req)
	case "policy":
		return checkPolicy(req)
	default:
		return answer{}, fault("operation %q: expected sign, verify, measure or policy", req.Operation)
	}
}
