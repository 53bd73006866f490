/* ring - can this kernel give us a TPACKET_V3 ring? Exit 0 if so; doctor asks. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>

int main(void)
{
	struct tpacket_req3 req = {
		.tp_block_size = 1 << 18,
		.tp_block_nr = 16,
		.tp_frame_size = 1 << 11,
		.tp_frame_nr = (1 << 18) / (1 << 11) * 16,
		.tp_retire_blk_tov = 5,
	};
	int version = TPACKET_V3, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) ||
		setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof req))
		return 1;
	return mmap(NULL, 1 << 22, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED;
}
