/* Liveness of `barrier` (src/ordering/barrier.rs): with weakly fair workers every entry is applied, and nobody hangs.

   WORKERS lanes, ENTRIES entries of every kind: the log is chosen entry by entry, so every log of that length is in the
   search. An entry stands in the lanes of its set (a bit a lane; all of them for FLUSHDB); it starts when it heads each,
   is written, and leaves them when it is finished. `noise` runs for ever beside them: without fairness nothing would
   ever have to happen.

   FAULT 1: an entry is finished without leaving its last lane. FAULT 2: lanes are not filled in log order: entries of
   several lanes are put in front of the highest one. Both must be found. */

#ifndef WORKERS
#define WORKERS 3
#endif
#ifndef ENTRIES
#define ENTRIES 4
#endif
#ifndef FAULT
#define FAULT 0
#endif
#define ALL ((1 << WORKERS) - 1)

typedef Lane { byte at[ENTRIES]; byte length };
Lane lane[WORKERS];
byte set[ENTRIES + 1];     /* of entry 1, 2, …; 0 = not admitted */
bool taken[ENTRIES + 1];
byte applied;

inline push(l, n) {
  if
  :: FAULT == 2 && l == WORKERS - 1 && set[n] != (1 << l) && lane[l].length > 0 ->
     lane[l].at[lane[l].length] = lane[l].at[0]; lane[l].at[0] = n
  :: else -> lane[l].at[lane[l].length] = n
  fi;
  lane[l].length++
}

inline pop(l) {
  i = 0;
  do
  :: i + 1 < lane[l].length -> lane[l].at[i] = lane[l].at[i + 1]; i++
  :: else -> break
  od;
  lane[l].length--; lane[l].at[lane[l].length] = 0
}

active proctype admission() {
  byte n = 1, l = 0, chosen = 0;
  do
  :: n <= ENTRIES ->
     select (chosen : 1 .. ALL); skip;
     d_step {
       set[n] = chosen; l = 0;
       do
       :: l < WORKERS -> if :: chosen & (1 << l) -> push(l, n) :: else fi; l++
       :: else -> break
       od;
       n++; chosen = 0; l = 0
     }
  :: else -> break
  od
}

/* Entry n heads every lane of its set, and worker w has the lowest of them. */
#define heads(l, n) (lane[l].length > 0 && lane[l].at[0] == n)
#define in_set(l, n) (set[n] & (1 << (l)))
#define lowest(w, n) (in_set(w, n) && (set[n] & ((1 << (w)) - 1)) == 0)
#define ready(w, n) (heads(w, n) && lowest(w, n) && !taken[n] \
  && (!in_set(0, n) || heads(0, n)) \
  && (WORKERS < 2 || !in_set(1, n) || heads(1, n)) \
  && (WORKERS < 3 || !in_set(2, n) || heads(2, n)))

proctype worker(byte w) {
  byte n = 0, l = 0, i = 0;
end:
  do
  :: d_step { lane[w].length > 0 && ready(w, lane[w].at[0]) -> n = lane[w].at[0]; taken[n] = true }
     applied++;                    /* the write */
     d_step {                      /* finish */
       l = 0;
       do
       :: l < WORKERS ->
          if
          :: in_set(l, n) && !(FAULT == 1 && set[n] == ALL && l == WORKERS - 1) -> pop(l)
          :: else
          fi;
          l++
       :: else -> break
       od;
       n = 0; l = 0; i = 0
     }
  od
}

active proctype noise() {
  bit b = 0;
end:
  do :: b = 1 - b od
}

init { atomic { run worker(0); run worker(1); run worker(2) } }

ltl all_applied { <> (applied == ENTRIES) }
