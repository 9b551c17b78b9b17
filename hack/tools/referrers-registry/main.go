// Command referrers-registry serves an in-memory OCI registry that has the Referrers API
// (OCI distribution-spec 1.1), for tests and the demo. With -username and -password it asks
// for basic authentication.
package main

import (
	"crypto/subtle"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"golang.org/x/crypto/bcrypt"
)

func main() {
	address := flag.String("address", "127.0.0.1:0", "host:port to listen on; port 0 picks a free one")
	username := flag.String("username", "", "user name to ask for; empty asks for none")
	password := flag.String("password", "", "password to ask for, with -username")
	htpasswd := flag.Bool("htpasswd", false, "print an htpasswd line (bcrypt) for -username and -password, and end")
	flag.Parse()

	if *htpasswd {
		hash, err := bcrypt.GenerateFromPassword([]byte(*password), bcrypt.MinCost)
		if err != nil {
			log.Fatalf("htpasswd: %v", err)
		}
		fmt.Printf("%s:%s\n", *username, hash)
		return
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatalf("listen on %s: %v", *address, err)
	}
	var handler http.Handler = registry.New(
		registry.WithReferrersSupport(true),
		registry.Logger(log.New(io.Discard, "", 0)),
	)
	if *username != "" {
		handler = requireBasic(handler, *username, *password)
	}
	// The one line on standard output that a caller waits for.
	fmt.Printf("listening on %s\n", listener.Addr())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.Serve(listener))
}

func requireBasic(next http.Handler, username, password string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, p, ok := r.BasicAuth()
		same := func(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
		if !ok || !same(u, username) || !same(p, password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="referrers-registry"`)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)
			return
		}
		next.ServeHTTP(w, r)
	})
}
