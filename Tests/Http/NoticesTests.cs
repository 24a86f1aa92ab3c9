using AiChat.Endpoints.Http;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Http;

public sealed class NoticesTests
{
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public void A_notice_is_new_once_and_keeps_its_time()
    {
        var notices = new Notices(_clock);
        var begun = _clock.GetUtcNow();
        Assert.True(notices.Add(new Notice("disk_low", "first", "/data")));
        _clock.Advance(TimeSpan.FromHours(1));
        Assert.False(notices.Add(new Notice("disk_low", "second", "/data")));
        Assert.Equal([new Notice("disk_low", "second", "/data") { Since = begun }], notices.All);
        Assert.True(notices.Add(new Notice("disk_low", "elsewhere", "/images")));
        notices.Remove("disk_low");
        Assert.Empty(notices.All);
    }

    [Fact]
    public void One_kind_cannot_fill_the_list()
    {
        var notices = new Notices(_clock);
        for (var n = 0; n < 1000; n++)
        {
            notices.Add(new Notice("proxy_unknown", "", $"203.0.113.{n}"));
        }

        Assert.True(notices.Add(new Notice("database_damaged", "")));
        Assert.InRange(notices.All.Count, 2, 20);
        Assert.False(notices.Add(new Notice("proxy_unknown", "", "198.51.100.1")));
    }
}
