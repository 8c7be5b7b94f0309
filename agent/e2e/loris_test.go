package e2e

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"
)

// loris ADDRESS N FILE: keeps N connections to an HTTP server busy with a header that never ends, and comes
// again with each that is closed. It writes FILE once all have been there, and never ends by itself.
func loris(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: loris ADDRESS N FILE")
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	var came sync.WaitGroup
	came.Add(n)
	for range n {
		go func() {
			once := sync.OnceFunc(came.Done)
			for {
				dawdle(args[0], once)
				time.Sleep(pause)
			}
		}()
	}
	came.Wait()
	if err := os.WriteFile(args[2], []byte("all are there\n"), 0o644); err != nil {
		return err
	}
	select {}
}

func dawdle(address string, there func()) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer c.Close()
	for text := "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "; ; text = "x" {
		if _, err := c.Write([]byte(text)); err != nil {
			return
		}
		there()
		time.Sleep(pause)
	}
}
