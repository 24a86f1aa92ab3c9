using AiChat.Endpoints.Variables;

namespace AiChat.Tests.Variables;

public sealed class CapacityTests
{
    [Theory]
    [InlineData("Max open files            20000                20000                files     ", 20_000)]
    [InlineData("Max open files            1024                 524288               files     ", 1_024)]
    [InlineData("Max open files            unlimited            unlimited            files     ", int.MaxValue)]
    [InlineData("Max processes             63432                63432                processes ", 1_024)]
    public void Open_files_are_read_as_the_kernel_says_them(string line, int files) =>
        Assert.Equal(files, Capacity.FilesOf(["Limit                     Soft Limit           Hard Limit           Units     ", line]));

    [Theory]
    [InlineData(20_000, 9_900)]
    [InlineData(65_536, 32_668)]
    [InlineData(256, 50)]
    [InlineData(int.MaxValue, 100_000)]
    public void Each_answer_has_two_connections(int files, int answers) => Assert.Equal(answers, Capacity.AnswersOf(files));

    [Fact]
    public void This_process_has_limits()
    {
        Assert.InRange(Capacity.Waiting, 16, int.MaxValue);
        Assert.InRange(Capacity.Connections, Capacity.Answers, int.MaxValue);
    }
}
