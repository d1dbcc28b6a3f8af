/* Liveness of `barrier` (src/ordering/barrier.rs): with weakly fair workers every entry is applied, and no worker hangs.

   There are WORKERS lanes and ENTRIES entries of every kind. The log is chosen entry by entry, so the search covers every
   log of that length. An entry is in the lanes of its set (one bit for each lane; all of them for FLUSHDB). It starts when
   it is at the head of each of its lanes, is written, and leaves the lanes when it has finished. `noise` runs for ever
   beside the workers, so without fairness no other process would ever have to take a step.

   FAULT 1: an entry finishes without leaving its last lane. FAULT 2: lanes are not filled in log order: in the highest lane
   an entry of several lanes is put at the front. Both must be found. */

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

/* Entry n is at the head of every lane of its set, and worker w has the lowest of these lanes. */
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
