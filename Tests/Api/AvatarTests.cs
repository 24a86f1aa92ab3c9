using System.Net;
using System.Net.Http.Headers;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>
/// Avatars and the logo: uploaded bytes only; avatars of users are for signed-in users.
/// </summary>
public sealed class AvatarTests
{
    [Fact]
    public async Task A_user_s_picture_is_told_everywhere_and_shown_to_those_who_are_signed_in()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var member = await server.RegisterUserAsync(admin, "member");
        var url = (await (await Put(member, "/api/settings/personal/avatar", SampleImages.Jpeg())).Json()).Text("avatarUrl")!;
        Assert.Matches(@"\Aavatars/\d+\?v=[0-9a-f]{8}\z", url);
        Assert.Equal(url, (await member.GetJson("/api/auth/me")).GetProperty("user").Text("avatarUrl"));
        Assert.Equal(url, (await member.GetJson("/api/settings/personal")).Text("avatarUrl"));
        Assert.Equal(url, (await admin.GetJson("/api/users?q=member")).GetProperty("items")[0].Text("avatarUrl"));

        foreach (var client in new[] { member, admin })
        {
            using var shown = await client.GetAsync("/" + url);
            Assert.Equal(SampleImages.Jpeg(), await shown.Content.ReadAsByteArrayAsync());
            Assert.Equal("image/jpeg", shown.Content.Headers.ContentType!.ToString());
            Assert.Equal("default-src 'none'; sandbox", shown.Headers.GetValues("Content-Security-Policy").Single());
            using var again = new HttpRequestMessage(HttpMethod.Get, "/" + url);
            again.Headers.IfNoneMatch.Add(shown.Headers.ETag!);
            Assert.Equal(HttpStatusCode.NotModified, (await client.SendAsync(again)).StatusCode);
        }

        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Client().GetAsync("/" + url)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await member.GetAsync("/avatars/987654321")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await member.GetAsync("/avatars/..%2f..%2fapp.db")).StatusCode);

        // A new picture has a new URL, and the old file is deleted, as it is with the user.
        var old = Files(server).Single();
        var second = (await (await Put(member, "/api/settings/personal/avatar", SampleImages.Gif(), asForm: true)).Json())
            .Text("avatarUrl")!;
        Assert.NotEqual(url, second);
        await FileGone.WaitAsync(old);
        var current = Files(server).Single();
        var id = (await member.GetJson("/api/auth/me")).GetProperty("user").Id();
        await (await admin.DeleteAsync($"/api/users/{id}")).Expect(HttpStatusCode.NoContent);
        await FileGone.WaitAsync(current);
    }

    [Fact]
    public async Task A_picture_is_removed_and_lives_through_a_restart_until_then()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await Put(admin, "/api/settings/personal/avatar", SampleImages.Png())).Expect(HttpStatusCode.OK);
        var assistant = (await (await Put(admin, "/api/settings/assistant-avatar", SampleImages.Webp())).Json()).Text("avatarUrl")!;
        await server.RestartAsync();

        Assert.Equal(assistant, (await server.Client().GetJson("/api/settings/branding")).Text("assistantAvatarUrl"));
        Assert.Equal(SampleImages.Webp(), await server.Client().GetByteArrayAsync("/" + assistant));
        Assert.Equal(2, Files(server).Count);
        await (await admin.DeleteAsync("/api/settings/personal/avatar")).Expect(HttpStatusCode.NoContent);
        await (await admin.DeleteAsync("/api/settings/assistant-avatar")).Expect(HttpStatusCode.NoContent);
        Assert.False((await admin.GetJson("/api/auth/me")).GetProperty("user").TryGetProperty("avatarUrl", out _));
        Assert.False((await server.Client().GetJson("/api/settings/branding")).TryGetProperty("assistantAvatarUrl", out _));
        Assert.Equal(HttpStatusCode.NotFound, (await server.Client().GetAsync("/avatars/assistant")).StatusCode);
        foreach (var file in Files(server))
        {
            await FileGone.WaitAsync(file);
        }
    }

    [Fact]
    public async Task The_logo_is_shown_to_everybody_before_a_login_too_and_replaced_and_removed()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        Assert.False((await server.Client().GetJson("/api/settings/branding")).TryGetProperty("logoUrl", out _));
        Assert.Equal(HttpStatusCode.NotFound, (await server.Client().GetAsync("/avatars/logo")).StatusCode);
        var first = (await (await Put(admin, "/api/settings/logo", SampleImages.Png())).Json()).Text("logoUrl")!;
        Assert.Matches(@"\Aavatars/logo\?v=[0-9a-f]{8}\z", first);
        var old = Files(server).Single();

        var second = (await (await Put(admin, "/api/settings/logo", SampleImages.Webp())).Json()).Text("logoUrl")!;
        Assert.NotEqual(first, second);
        await FileGone.WaitAsync(old);
        await server.RestartAsync();
        Assert.Equal(second, (await server.Client().GetJson("/api/settings/branding")).Text("logoUrl"));
        using var shown = await server.Client().GetAsync("/" + second);
        Assert.Equal(SampleImages.Webp(), await shown.Content.ReadAsByteArrayAsync());
        Assert.Equal("image/webp", shown.Content.Headers.ContentType!.ToString());
        Assert.Equal("nosniff", shown.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal("default-src 'none'; sandbox", shown.Headers.GetValues("Content-Security-Policy").Single());
        Assert.False((await server.Client().GetJson("/api/settings/branding")).TryGetProperty("assistantAvatarUrl", out _));

        var file = Files(server).Single();
        await (await admin.DeleteAsync("/api/settings/logo")).Expect(HttpStatusCode.NoContent);
        Assert.False((await server.Client().GetJson("/api/settings/branding")).TryGetProperty("logoUrl", out _));
        await FileGone.WaitAsync(file);
        var changes = (await admin.GetJson("/api/audit")).GetProperty("items").EnumerateArray()
            .Where(item => item.Text("action") == "settings.logo");
        Assert.Equal(["removed", "set", "set"], changes.Select(item => item.Text("detail")));
    }

    [Theory]
    [InlineData("/api/settings/personal/avatar")]
    [InlineData("/api/settings/assistant-avatar")]
    [InlineData("/api/settings/logo")]
    public async Task Only_the_bytes_of_a_small_image_are_taken(string path)
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        foreach (var text in new[]
        {
            "http://127.0.0.1:9/x.png", "file:///etc/passwd", "../../etc/passwd", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
            "data:image/png;base64,AAAA",
        })
        {
            await (await Put(admin, path, System.Text.Encoding.UTF8.GetBytes(text)))
                .ExpectProblem(HttpStatusCode.BadRequest, "invalid_image");
        }

        await (await admin.PutJson(path, new { avatarUrl = "http://127.0.0.1:9/x.png" }))
            .ExpectProblem(HttpStatusCode.UnsupportedMediaType, "unsupported_media_type");
        await (await admin.PutJson("/api/settings/personal", new { avatarUrl = "http://127.0.0.1:9/x.png" }))
            .ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
        await (await Put(admin, path, SampleImages.Png(1_025, 1))).ExpectProblem(HttpStatusCode.BadRequest, "invalid_image");
        await (await Put(admin, path, [.. SampleImages.Png(), .. new byte[1024 * 1024]]))
            .ExpectProblem(HttpStatusCode.RequestEntityTooLarge, "too_large");
        Assert.Empty(Files(server));
        Assert.Equal(
            0,
            (await admin.GetJson("/api/settings/branding")).EnumerateObject()
                .Count(member => member.Name is "assistantAvatarUrl" or "logoUrl"));
    }

    [Fact]
    public async Task A_picture_of_the_assistant_that_is_refused_leaves_the_old_one_and_every_setting()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        await (await admin.PatchJson("/api/settings/system", new { brandText = "Before" })).Expect(HttpStatusCode.OK);
        var url = (await (await Put(admin, "/api/settings/assistant-avatar", SampleImages.Png())).Json()).Text("avatarUrl")!;
        var settings = (await admin.GetJson("/api/settings/system")).GetRawText();

        // A picture is uploaded on its own route; among other settings it is refused, and they with it.
        await (await admin.PatchJson("/api/settings/system", new { brandText = "After", assistantAvatar = "data:image/png;base64,AAAA" }))
            .ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
        await (await admin.PatchJson("/api/settings/system", new { brandText = "After", maxRuns = -7 }))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        await (await Put(admin, "/api/settings/assistant-avatar", "<svg/>"u8.ToArray()))
            .ExpectProblem(HttpStatusCode.BadRequest, "invalid_image");
        await (await Put(admin, "/api/settings/assistant-avatar", SampleImages.Png()[..20]))
            .ExpectProblem(HttpStatusCode.BadRequest, "invalid_image");
        var member = await server.RegisterUserAsync(admin);
        await (await Put(member, "/api/settings/assistant-avatar", SampleImages.Gif()))
            .ExpectProblem(HttpStatusCode.Forbidden, "forbidden");

        Assert.Equal(settings, (await admin.GetJson("/api/settings/system")).GetRawText());
        var branding = await server.Client().GetJson("/api/settings/branding");
        Assert.Equal(("Before", url), (branding.Text("brandText"), branding.Text("assistantAvatarUrl")));
        Assert.Equal(SampleImages.Png(), await server.Client().GetByteArrayAsync("/" + url));
        Assert.Single(Files(server));
    }

    private static List<string> Files(TestServer server) =>
        [.. Directory.EnumerateFiles(Path.Combine(server.DataDir, "images"), "*", SearchOption.AllDirectories).Where(
            path => !Path.GetFileName(path).StartsWith("aichat-", StringComparison.Ordinal))]; // marks of the folder

    private static async Task<HttpResponseMessage> Put(HttpClient client, string path, byte[] bytes, bool asForm = false)
    {
        if (asForm)
        {
            using var form = ImagesTests.Form(bytes, "image/png", "me");
            return await client.PutAsync(path, form);
        }

        using var body = new ByteArrayContent(bytes);
        body.Headers.ContentType = new MediaTypeHeaderValue("image/png");
        return await client.PutAsync(path, body);
    }
}
