package pipeline

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSecretsAreMaskedInEveryLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=1", "output sink match=* mode=leak key=hunter2 key=Tr0ub4dor")
		r.runFor(t, 10*time.Second)
		if log := r.log.String(); strings.Contains(log, "hunter2") || strings.Contains(log, "Tr0ub4dor") || !strings.Contains(log, "my keys are … and … first=…") {
			t.Error(log)
		}
	})
}
