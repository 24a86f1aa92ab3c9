using AiChat.Data;

namespace AiChat.Tests.Data;

/// <summary>What is said about the place of data, on tables as engines and systems write them.</summary>
public sealed class MountsTests
{
    private const string Id = "3f2a9c41d07b5e68aa90b1c2d3e4f5061728394a5b6c7d8e9f00112233445566";
    private const string DockerRoot =
        $"612 540 0:73 / / rw,relatime master:248 - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A:/var/lib/docker/overlay2/l/B";

    [Theory]
    [InlineData(DockerRoot, Fleeting.Container)] // Docker, containerd, CRI-O
    [InlineData("612 540 0:73 / / ro,relatime - overlay overlay ro,lowerdir=/a", Fleeting.Container)]
    [InlineData("700 1 0:60 / / rw - fuse.fuse-overlayfs fuse-overlayfs rw,user_id=0", Fleeting.Container)] // rootless Podman
    [InlineData("700 1 0:33 / / rw - aufs none rw,si=1", Fleeting.Container)]
    [InlineData($"700 1 0:33 /@/var/lib/docker/btrfs/subvolumes/{Id} / rw - btrfs /dev/sda2 rw", Fleeting.Container)]
    [InlineData($"700 1 0:33 / / rw - zfs tank/docker/{Id} rw", Fleeting.Container)]
    [InlineData($"700 1 8:1 /var/lib/docker/vfs/dir/{Id} / rw - ext4 /dev/sda1 rw", Fleeting.Container)]
    [InlineData("700 1 0:33 /var/lib/containerd/io.containerd.snapshotter.v1.btrfs/active/7 / rw - btrfs /dev/sda2 rw", Fleeting.Container)]
    [InlineData($"700 1 8:1 /var/lib/docker/volumes/{Id}/_data /app/data rw - ext4 /dev/sda1 rw", Fleeting.NamelessVolume)]
    [InlineData($"700 1 8:1 /home/a/.local/share/containers/storage/volumes/{Id}/_data /app/data rw - ext4 /d rw", Fleeting.NamelessVolume)]
    [InlineData(
        $"700 1 8:1 /var/lib/containerd/io.containerd.grpc.v1.cri/containers/{Id}/volumes/{Id} /app/data rw - ext4 /d rw",
        Fleeting.NamelessVolume)]
    [InlineData("700 1 8:1 /var/lib/kubelet/pods/4c1f/volumes/kubernetes.io~empty-dir/data /app/data rw - ext4 /d rw", Fleeting.Pod)]
    [InlineData("700 1 0:90 / /app/data rw,nosuid - tmpfs tmpfs rw,size=65536k", Fleeting.Memory)]
    [InlineData("700 1 0:90 / / rw - tmpfs none rw", Fleeting.Memory)]
    public void Data_that_ends_with_something_else_is_told(string line, object expected) => Assert.Equal(expected, Judge(line));

    [Theory]
    [InlineData("27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard")] // a machine
    [InlineData("27 1 8:32 / / rw,relatime - ext4 /dev/sdc rw,discard,errors=remount-ro,data=ordered")] // WSL 2
    [InlineData("1 1 0:25 /@ / rw,relatime shared:1 - btrfs /dev/nvme0n1p2 rw,subvol=/@")] // a subvolume
    [InlineData("1 1 0:28 / / rw,relatime - zfs rpool/ROOT/ubuntu_4kmqzx rw")]
    [InlineData("900 1 0:28 / / rw,relatime - zfs rpool/data/subvol-101-disk-0 rw")] // Proxmox, LXC
    [InlineData("900 1 0:28 /containers/chat/rootfs / rw,relatime - btrfs /dev/sda2 rw")] // Incus
    [InlineData("900 1 254:0 /var/lib/machines/chat / rw,relatime - ext4 /dev/vda rw")] // systemd-nspawn
    [InlineData("700 1 8:1 /srv/aichat/data /app/data rw,relatime - ext4 /dev/sda1 rw")] // a folder
    [InlineData("700 1 8:1 /var/lib/docker/volumes/ai_chat_web_ui_db_data/_data /app/data rw - ext4 /dev/sda1 rw")] // a named volume
    [InlineData("700 1 0:99 / /app/data rw - virtiofs volumes rw")] // Docker Desktop
    [InlineData("700 1 259:3 / /app/data rw,relatime - ext4 /dev/nvme1n1 rw")] // a disk of a cloud in a pod
    [InlineData("700 1 8:1 /var/lib/kubelet/pods/4c1f/volumes/kubernetes.io~local-volume/pv /app/data rw - ext4 /d rw")]
    [InlineData("700 1 0:73 / /merged rw - overlay overlay rw,lowerdir=/a")] // an overlay that somebody mounted there
    public void Data_that_stays_is_not(string line) => Assert.Equal(Fleeting.No, Judge(line));

    [Fact]
    public void Lxc_keeps_its_overlays()
    {
        var root = Assert.Single(Mounts.Parse(DockerRoot));
        Assert.Equal(Fleeting.No, Mounts.Judge(root, "lxc"));
        Assert.Equal(Fleeting.Container, Mounts.Judge(root, "docker"));
    }

    [Fact]
    public void A_line_is_read_as_the_manual_says()
    {
        var mount = Assert.Single(Mounts.Parse("""
            36 35 98:0 /mnt1\040a /app/da\134ta rw,noatime master:1 shared:2 - ext3 /dev/root ro,errors=continue
            this is none
            1 2 3

            """));
        Assert.Equal(new Mount(36, "/mnt1 a", @"/app/da\ta", true, "ext3", "/dev/root"), mount);
    }

    [Fact]
    public void The_mount_of_a_folder_here_is_found_through_links()
    {
        var folder = Directory.CreateTempSubdirectory("aichat-mounts-");
        try
        {
            var link = Path.Combine(folder.FullName, "proc");
            Directory.CreateSymbolicLink(link, "/proc/self");
            Assert.Equal("proc", Mounts.Of(link)?.Type);
            Assert.Null(Mounts.Of(Path.Combine(folder.FullName, "missing")));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static Fleeting Judge(string line) => Mounts.Judge(Assert.Single(Mounts.Parse(line)), manager: null);
}
