//! Options that set a deadline: EX PX EXAT PXAT. Pure.
