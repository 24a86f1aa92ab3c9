namespace AiChat;

internal static class Program
{
    public static async Task<int> Main(string[] args)
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        var app = builder.Build();
        app.MapGet("/api/health", () => Results.Text("{\"status\":\"ok\"}", "application/json"));
        await app.RunAsync();
        return 0;
    }
}
