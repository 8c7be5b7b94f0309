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

func TestFaultsOfAConfigurationHideSecretsToo(t *testing.T) {
	_, err := build(t, nil, "input source tag=a n=1", "output sink match=* key=hunter2 retry_limit=hunter2")
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "test:1: retry_limit: '…'") {
		t.Error(err)
	}
}

func TestPluginThatDoesNotCloseInTimeIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=1", "output sink match=* mode=linger")
		if took := r.runFor(t, 10*time.Second); took > 6*time.Second {
			t.Errorf("the end took %v", took)
		}
		if log := r.log.String(); !strings.Contains(log, "close: sink.0 (test:1) has not ended in time and is left alone; have it end when it is told to") {
			t.Error(log)
		}
		time.Sleep(time.Minute) // until it has ended after all
	})
}
