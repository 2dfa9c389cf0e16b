;; Four conformance scenarios by hand: the contract needs no SDK.
;;
;; What a language's bindings generator would write, and what its SDK would do on top, is all here: how values lie in memory (the component model's
;; canonical ABI), the loop around `next`, bodies, and what `describe` returns. docs/write-an-sdk.md explains the rules.
;;
;; Memory: constants below 0x1000, the areas of the exports from 0x1000, results by ticket from 0x3000, what the host hands in from 0x10000 on.
(module
  ;; The record of an operation is long, so `start` takes the address of (id, operation).
  (import "abide:durable/operations@0.1.0" "start" (func $start (param i32) (result i32)))
  ;; `next` writes (ticket, news) where it is told to.
  (import "abide:durable/operations@0.1.0" "next" (func $next (param i32)))
  ;; ticket, 0 = ok, the JSON text; the rest is the failure's, and unused.
  (import "abide:durable/operations@0.1.0" "finish"
    (func $finish (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i64)))
  (import "abide:durable/operations@0.1.0" "cancel" (func $cancel (param i32)))

  (memory (export "memory") 2)
  (global $free (mut i32) (i32.const 0x10000))

  ;; Ids and triggers.
  (data (i32.const 0x000) "run")
  (data (i32.const 0x010) "parallel")
  (data (i32.const 0x020) "race-cancelled")
  (data (i32.const 0x030) "outside-final")
  (data (i32.const 0x040) "conformance/run")
  (data (i32.const 0x060) "conformance/parallel")
  (data (i32.const 0x080) "conformance/race-cancelled")
  (data (i32.const 0x0a0) "conformance/outside-final")
  ;; Ids of steps.
  (data (i32.const 0x0c0) "first")
  (data (i32.const 0x0d0) "second")
  (data (i32.const 0x0e0) "abc")
  (data (i32.const 0x0f0) "sum")
  (data (i32.const 0x100) "slow")
  (data (i32.const 0x108) "fast")
  (data (i32.const 0x110) "after")
  ;; JSON: what bodies return, and outputs whose digits are filled in.
  (data (i32.const 0x120) "123")
  (data (i32.const 0x128) "0")
  (data (i32.const 0x130) "\"won\"")
  (data (i32.const 0x140) "{\"first\":0,\"second\":0}")
  (data (i32.const 0x160) "{\"winner\":\"won\"}")
  ;; A failure.
  (data (i32.const 0x180) "Fatal")
  (data (i32.const 0x188) "stop")
  (data (i32.const 0x190) "{\"n\":1}")

  ;; The host asks for memory. Nothing is given back: an instance runs one run.
  (func (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at
      (i32.and (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1))) (i32.sub (i32.const 0) (local.get $align))))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (block $enough
      (br_if $enough (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 0x10000))))
      (drop (memory.grow (i32.add (i32.const 1) (i32.div_u (local.get $size) (i32.const 0x10000))))))
    (local.get $at))

  ;; ---------------------------------------------------------------------------------------------- operations

  ;; 0x1000: the arguments of `start`: id (address, length), then the operation: its case at 8, its record at 16. Zeros are absent options.
  (func $begin (param $id i32) (param $length i32) (param $case i32) (param $milliseconds i64) (result i32)
    (i32.store (i32.const 0x1000) (local.get $id))
    (i32.store (i32.const 0x1004) (local.get $length))
    (i32.store8 (i32.const 0x1008) (local.get $case))
    (i64.store (i32.const 0x1010) (local.get $milliseconds))
    (call $start (i32.const 0x1000)))

  ;; Case 0, `run`. What its body is going to return is noted at the ticket's place, 0x2000 + 8 · ticket.
  (func $step (param $id i32) (param $length i32) (param $result i32) (param $size i32) (result i32)
    (local $ticket i32)
    (local.set $ticket (call $begin (local.get $id) (local.get $length) (i32.const 0) (i64.const 0)))
    (i32.store (call $place (i32.const 0x2000) (local.get $ticket)) (local.get $result))
    (i32.store offset=4 (call $place (i32.const 0x2000) (local.get $ticket)) (local.get $size))
    (local.get $ticket))

  ;; Case 1, `sleep`.
  (func $sleep (param $id i32) (param $length i32) (param $milliseconds i64) (result i32)
    (call $begin (local.get $id) (local.get $length) (i32.const 1) (local.get $milliseconds)))

  (func $place (param $table i32) (param $ticket i32) (result i32)
    (i32.add (local.get $table) (i32.mul (local.get $ticket) (i32.const 8))))

  ;; The scheduler: this code cannot go on, so the host is asked for news, once. Gives the ticket of the operation that is complete; its result is noted at
  ;; 0x3000 + 8 · ticket. 0x1100: ticket, then the news: its case at 8, its text at 16.
  (func $news (result i32)
    (local $ticket i32)
    (loop $again
      (call $next (i32.const 0x1100))
      (local.set $ticket (i32.load (i32.const 0x1100)))
      ;; Case 3, `execute`: this is a twin. The body runs, its outcome is handed in, and the twin asks again.
      (if (i32.eq (i32.load8_u (i32.const 0x1108)) (i32.const 3))
        (then
          (call $finish (local.get $ticket) (i32.const 0)
            (i32.load (call $place (i32.const 0x2000) (local.get $ticket)))
            (i32.load offset=4 (call $place (i32.const 0x2000) (local.get $ticket)))
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0))
          (br $again))))
    ;; Case 0, `done`. None of these operations fails or times out.
    (i32.store (call $place (i32.const 0x3000) (local.get $ticket)) (i32.load (i32.const 0x1110)))
    (i32.store offset=4 (call $place (i32.const 0x3000) (local.get $ticket)) (i32.load (i32.const 0x1114)))
    (local.get $ticket))

  ;; The first digit of an operation's result, as a number.
  (func $digit (param $ticket i32) (result i32)
    (i32.sub (i32.load8_u (i32.load (call $place (i32.const 0x3000) (local.get $ticket)))) (i32.const 48)))

  ;; ---------------------------------------------------------------------------------------------- the workflows

  ;; 0x1200: the result of `run`: 0 = ok, the text at 8.
  (func $ok (param $text i32) (param $length i32) (result i32)
    (i32.store8 (i32.const 0x1200) (i32.const 0))
    (i32.store (i32.const 0x1208) (local.get $text))
    (i32.store (i32.const 0x120c) (local.get $length))
    (i32.const 0x1200))

  (func $run (result i32)
    (drop (call $step (i32.const 0x0c0) (i32.const 5) (i32.const 0x120) (i32.const 1)))
    (drop (call $news))
    (i32.store8 (i32.const 0x149) (i32.add (i32.const 48) (call $digit (i32.const 0))))
    ;; The second body returns one more than what the first one has recorded.
    (i32.store8 (i32.const 0x128) (i32.add (i32.const 49) (call $digit (i32.const 0))))
    (drop (call $step (i32.const 0x0d0) (i32.const 6) (i32.const 0x128) (i32.const 1)))
    (drop (call $news))
    (i32.store8 (i32.const 0x154) (i32.add (i32.const 48) (call $digit (i32.const 1))))
    (call $ok (i32.const 0x140) (i32.const 22)))

  ;; Three steps side by side: all are started before the host is asked for news.
  (func $parallel (result i32)
    (drop (call $step (i32.const 0x0e0) (i32.const 1) (i32.const 0x120) (i32.const 1)))
    (drop (call $step (i32.const 0x0e1) (i32.const 1) (i32.const 0x121) (i32.const 1)))
    (drop (call $step (i32.const 0x0e2) (i32.const 1) (i32.const 0x122) (i32.const 1)))
    (drop (call $news))
    (drop (call $news))
    (drop (call $news))
    (i32.store8 (i32.const 0x128)
      (i32.add (i32.const 48)
        (i32.add (call $digit (i32.const 0)) (i32.add (call $digit (i32.const 1)) (call $digit (i32.const 2))))))
    (drop (call $step (i32.const 0x0f0) (i32.const 3) (i32.const 0x128) (i32.const 1)))
    (drop (call $news))
    (call $ok (i32.load (i32.const 0x3018)) (i32.load (i32.const 0x301c))))

  ;; A sleep of an hour loses against a step, and is withdrawn.
  (func $race (result i32)
    (drop (call $sleep (i32.const 0x100) (i32.const 4) (i64.const 3600000)))
    (drop (call $step (i32.const 0x108) (i32.const 4) (i32.const 0x130) (i32.const 5)))
    (call $cancel (i32.sub (i32.const 1) (call $news)))
    (drop (call $sleep (i32.const 0x110) (i32.const 5) (i64.const 7200000)))
    (drop (call $news))
    (call $ok (i32.const 0x160) (i32.const 16)))

  ;; A failure: 1 = err, then name, message, no stack, data, and case 1 of the advice: never try again.
  (func $fail (result i32)
    (i32.store8 (i32.const 0x1200) (i32.const 1))
    (i32.store (i32.const 0x1208) (i32.const 0x180))
    (i32.store (i32.const 0x120c) (i32.const 5))
    (i32.store (i32.const 0x1210) (i32.const 0x188))
    (i32.store (i32.const 0x1214) (i32.const 4))
    (i32.store8 (i32.const 0x1218) (i32.const 0))
    (i32.store8 (i32.const 0x1224) (i32.const 1))
    (i32.store (i32.const 0x1228) (i32.const 0x190))
    (i32.store (i32.const 0x122c) (i32.const 7))
    (i32.store8 (i32.const 0x1230) (i32.const 1))
    (i32.const 0x1200))

  ;; `ctx` is the address of the run's context, whose second field is the function's id. Their lengths tell the functions apart.
  (func (export "abide:durable/functions@0.1.0#run") (param $ctx i32) (result i32)
    (local $length i32)
    (local.set $length (i32.load offset=12 (local.get $ctx)))
    (if (i32.eq (local.get $length) (i32.const 3)) (then (return (call $run))))
    (if (i32.eq (local.get $length) (i32.const 8)) (then (return (call $parallel))))
    (if (i32.eq (local.get $length) (i32.const 14)) (then (return (call $race))))
    (call $fail))

  ;; ---------------------------------------------------------------------------------------------- what it is

  ;; One configuration takes 416 bytes: the id at 0, the list of triggers at 20, `retries` at 28. One trigger takes 40 bytes: case 0 is an event, its name at 8.
  (func $config (param $number i32) (param $id i32) (param $length i32) (param $event i32) (param $retries i32)
    (local $at i32)
    (local $trigger i32)
    (local.set $at (i32.add (i32.const 0x4000) (i32.mul (local.get $number) (i32.const 416))))
    (local.set $trigger (i32.add (i32.const 0x5000) (i32.mul (local.get $number) (i32.const 40))))
    (i32.store (local.get $at) (local.get $id))
    (i32.store offset=4 (local.get $at) (local.get $length))
    (i32.store offset=20 (local.get $at) (local.get $trigger))
    (i32.store offset=24 (local.get $at) (i32.const 1))
    (i32.store8 offset=28 (local.get $at) (i32.const 1))
    (i32.store offset=32 (local.get $at) (local.get $retries))
    (i32.store offset=8 (local.get $trigger) (local.get $event))
    (i32.store offset=12 (local.get $trigger) (i32.add (local.get $length) (i32.const 12))))

  (func (export "abide:durable/functions@0.1.0#describe") (result i32)
    (call $config (i32.const 0) (i32.const 0x000) (i32.const 3) (i32.const 0x040) (i32.const 0))
    (call $config (i32.const 1) (i32.const 0x010) (i32.const 8) (i32.const 0x060) (i32.const 0))
    (call $config (i32.const 2) (i32.const 0x020) (i32.const 14) (i32.const 0x080) (i32.const 0))
    (call $config (i32.const 3) (i32.const 0x030) (i32.const 13) (i32.const 0x0a0) (i32.const 2))
    ;; The last one has a `backoff` too, at 40 of its configuration: there is one, it is constant (case 2 at 48), its base is a second (at 56).
    (i32.store8 (i32.const 0x4508) (i32.const 1))
    (i32.store8 (i32.const 0x4510) (i32.const 2))
    (i64.store (i32.const 0x4518) (i64.const 1000))
    (i32.store (i32.const 0x1300) (i32.const 0x4000))
    (i32.store (i32.const 0x1304) (i32.const 4))
    (i32.const 0x1300))

  ;; No shapes of events: an empty list.
  (func (export "abide:durable/functions@0.1.0#event-schemas") (result i32)
    (i32.store (i32.const 0x1300) (i32.const 0))
    (i32.store (i32.const 0x1304) (i32.const 0))
    (i32.const 0x1300)))
