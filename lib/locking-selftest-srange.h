/* SPDX-License-Identifier: GPL-2.0 */
#undef LOCK
#define LOCK		SRGL

#undef UNLOCK
#define UNLOCK		SRGU

#undef RLOCK
#define RLOCK		SRGL

#undef WLOCK
#define WLOCK		RGL

#undef INIT
#define INIT		RGI
