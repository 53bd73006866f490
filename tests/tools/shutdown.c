/* shutdown FOLDER - a power cut for its ext4: nothing more reaches the disk, not even the log (EXT4_IOC_SHUTDOWN). */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SHUTDOWN_IOCTL _IOR('X', 125, uint32_t)

int main(int argc, char **argv)
{
	uint32_t without_log = 2;
	int fd = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd < 0 || ioctl(fd, SHUTDOWN_IOCTL, &without_log)) {
		perror(argc == 2 ? argv[1] : "usage: shutdown FOLDER");
		return 3;
	}
	close(fd);
	return 0;
}
