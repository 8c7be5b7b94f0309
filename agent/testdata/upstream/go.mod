// What the world builds Go plugins with, at a fixed version: the worker's tests run a plugin of it, and the tests
// here hold our SDK against it. A module of its own, outside of the workspace (GOWORK=off): the SDK's own module
// path means another SDK here.
module upstream.test

go 1.26

require github.com/fluent/fluent-bit-go v0.0.0-20230731091245-a7a013e2473c

require github.com/ugorji/go/codec v1.1.7 // indirect
