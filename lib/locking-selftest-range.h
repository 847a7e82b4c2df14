/* SPDX-License-Identifier: GPL-2.0 */
#undef LOCK
#define LOCK		RGL

#undef UNLOCK
#define UNLOCK		RGU

#undef RLOCK
#define RLOCK		SRGL

#undef WLOCK
#define WLOCK		RGL

#undef INIT
#define INIT		RGI
